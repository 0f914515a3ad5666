import Foundation
import KindredSystem

extension TokenizerFile {
    func preTokenizer() throws -> PreTokenizer {
        var steps: [PreTokenizer.Step] = []
        var byteLevel: JSONBytes?
        for step in Self.steps(json["pre_tokenizer"], list: "pretokenizers") {
            let type = step["type"]?.string ?? "none"
            guard byteLevel == nil else {
                throw refused("the pre-tokenizer has \"\(type)\" after \"ByteLevel\"")
            }
            if type == "ByteLevel" {
                byteLevel = step
            } else {
                steps.append(try preTokenizerStep(step, type))
            }
        }
        // Each step is a call within the one before it.
        guard steps.count <= 16 else {
            throw refused("the pre-tokenizer has \(steps.count) steps before the last")
        }
        return PreTokenizer(
            steps: steps, isByteLevel: byteLevel != nil,
            addsPrefixSpace: byteLevel?["add_prefix_space"]?.bool ?? false,
            lastCut: byteLevel?["use_regex"]?.bool ?? true ? .gpt2 : nil)
    }

    private func preTokenizerStep(_ step: JSONBytes, _ type: String) throws -> PreTokenizer.Step {
        switch type {
        case "Digits": return .digits(individual: step["individual_digits"]?.bool ?? false)
        case "Split":
            let behavior = try behavior(step, default: nil)
            let inverted = step["invert"]?.bool ?? false
            if let regex = step["pattern"]?["Regex"]?.string, let known = WordPattern(regex),
                behavior == .isolated,
                !inverted
            {
                return .words(known)
            }
            return .split(
                try pattern(step["pattern"], "the pre-tokenizer splits by"), behavior, inverted: inverted)
        case "Whitespace": return .wordsAndRest
        case "WhitespaceSplit": return .characters(.whiteSpace, .removed)
        case "Punctuation": return .characters(.punctuation, try behavior(step, default: .isolated))
        case "BertPreTokenizer": return .bert
        case "CharDelimiterSplit":
            guard let scalar = step["delimiter"]?.string?.unicodeScalars.first else {
                throw damaged("the pre-tokenizer \"\(type)\" has no delimiter")
            }
            return .characters(.scalar(scalar), .removed)
        case "FixedLength":
            guard let length = step["length"]?.tokenID, length > 0 else {
                throw damaged("the pre-tokenizer \"\(type)\" has no length")
            }
            return .fixedLength(Int(length))
        case "Metaspace":
            let mark = step["replacement"]?.string ?? "▁"
            // Before there were three ways, there was a flag.
            let prepends =
                step["prepend_scheme"]?.string
                ?? (step["add_prefix_space"]?.bool == false ? "never" : "always")
            guard let scheme = PreTokenizer.Prepending(rawValue: prepends), mark.unicodeScalars.count == 1
            else {
                throw refused("the pre-tokenizer \"\(type)\" prepends \"\(prepends.prefix(40))\"")
            }
            return .metaspace(
                replacement: Array(mark.utf8), prepends: scheme, splits: step["split"]?.bool ?? true)
        default: throw refused("the pre-tokenizer has the step \"\(type)\"")
        }
    }

    private func behavior(_ step: JSONBytes, default value: SplitBehavior?) throws -> SplitBehavior {
        guard let name = step["behavior"]?.string else {
            guard let value else { throw damaged("a split has no \"behavior\"") }
            return value
        }
        guard let behavior = SplitBehavior(rawValue: name) else {
            throw refused("a split has the behavior \"\(name.prefix(40))\"")
        }
        return behavior
    }

    /// What a pattern in a file stands for: a string or a regular expression.
    private func pattern(_ value: JSONBytes?, _ what: String) throws -> TextPattern {
        if let string = value?["String"]?.string, !string.isEmpty { return TextPattern(string: string) }
        let regex = value?["Regex"]?.string ?? ""
        guard !regex.isEmpty, let pattern = TextPattern(regex: regex) else {
            throw refused("\(what) the unknown pattern \(regex.prefix(120))")
        }
        return pattern
    }

    func normalizers() throws -> [Normalizer] {
        try Self.steps(json["normalizer"], list: "normalizers").map { step in
            switch step["type"]?.string ?? "none" {
            case "NFC": return .nfc
            case "NFD": return .nfd
            case "NFKC": return .nfkc
            case "NFKD": return .nfkd
            case "Lowercase": return .lowercase
            case "StripAccents": return .stripAccents
            case "Strip":
                return .strip(
                    left: step["strip_left"]?.bool ?? true, right: step["strip_right"]?.bool ?? true)
            case "Prepend": return .prepend(step["prepend"]?.string ?? "")
            case "Nmt": return .nmt
            case "Replace":
                guard let replacement = step["content"]?.string else {
                    throw damaged("the normalizer \"Replace\" has no \"content\"")
                }
                return .replace(try pattern(step["pattern"], "the normalizer replaces"), with: replacement)
            case "BertNormalizer":
                let lowercases = step["lowercase"]?.bool ?? true
                return .bert(
                    BERTNormalizer(
                        cleans: step["clean_text"]?.bool ?? true,
                        separatesChinese: step["handle_chinese_chars"]?.bool ?? true,
                        stripsAccents: step["strip_accents"]?.bool ?? lowercases, lowercases: lowercases))
            case "Precompiled":
                guard let text = step["precompiled_charsmap"]?.string, let data = Data(base64Encoded: text),
                    let characters = PrecompiledCharacters([UInt8](data))
                else { throw damaged("the normalizer \"Precompiled\" has no valid map of characters") }
                return .precompiled(characters)
            case let type: throw refused("the normalizer is \"\(type)\"")
            }
        }
    }
}
