import ArgumentParser
import Foundation
import Kindred
import KindredEncoder
import KindredSystem
import KindredTensors
import KindredTraining
import SystemPackage

struct ModelCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "model",
        abstract: "Look at a model, import or check one, merge adapters into one, or cut it.",
        subcommands: [Info.self, Import.self, Merge.self, Cut.self, Tokenize.self, Check.self])

    struct Info: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Describe a model directory, an adapter or a GGUF file.",
            discussion: "  kindred model info SmolLM2-135M-Instruct.Q4_1.gguf")

        @Argument(
            help: ArgumentHelp("The directory or file (default: the embedded model).", valueName: "model"),
            completion: .file(extensions: ["gguf"]))
        var model: String?
        @Flag(help: "Print one JSON object.") var json = false

        func run() throws {
            let directory = try ModelDirectory(model.map { FilePath($0) } ?? Resources.embeddedModel())
            let encoder = try TextEncoder(directory: directory.path)
            let output = ModelOutput(directory, fingerprint: encoder.fingerprint.hex)
            if json { return try CommandOutput.json(output) }
            CommandOutput.line("  family      \(output.family)")
            CommandOutput.line("  precision   \(encoder.precisionLabel)")
            if let remark = encoder.precision.remark { CommandOutput.line("              \(remark)") }
            CommandOutput.line(
                "  shape       \(output.hidden) hidden, \(output.layers) layers, \(output.attentionHeads)/"
                    + "\(output.keyValueHeads) heads of \(output.headDimension), \(output.intermediate) in the MLP, "
                    + "\(Format.count(output.vocabulary)) tokens")
            CommandOutput.line("  parameters  \(Format.count(output.parameters))")
            CommandOutput.line(
                "  encodes     \(output.attention), \(output.pooling) pooling, up to \(output.maximumTokens) tokens"
            )
            if let dense = output.dense {
                CommandOutput.line(
                    "  map         \(dense.inputs) to \(dense.outputs) dimensions\(dense.bias ? " with bias" : "")"
                        + (dense.activation == "Identity" ? "" : ", \(dense.activation)"))
            }
            CommandOutput.line("  base        \(Terminal.sanitized(output.base))")
            for adapter in output.adapters {
                CommandOutput.line(
                    "  adapter     \(Terminal.sanitized(adapter.directory)): rank \(adapter.rank), alpha "
                        + "\(Format.decimals(adapter.alpha, 1)), \(adapter.modules.joined(separator: " "))")
            }
            CommandOutput.line("  fingerprint \(output.fingerprint)")
        }
    }

    struct Merge: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Write a whole model: the base with its adapters merged in.",
            discussion: """
                transformers, sentence-transformers and Kindred read the result without peft. With int8 linear layers \
                and the embedding have 8 bits and a scale for each row; the parts that 8 bits would harm keep floats, \
                which model info lists. Kindred then encodes in 8 bits too.

                  kindred model merge runs/pairs/adapter --precision int8 --out models/mine

                Adapters that LLM2Vec's authors published all name the first base, although SimCSE's and the supervised \
                ones belong on MNTP's. --adapter says what goes onto what:

                  kindred model merge models/Mistral-7B-Instruct-v0.2 \\
                    --adapter models/mntp --adapter models/mntp-unsup-simcse --out models/mistral
                """)

        @Argument(
            help: ArgumentHelp("An adapter, or a model directory.", valueName: "directory"),
            completion: .file(extensions: ["gguf"]))
        var model: String
        @Option(
            help: ArgumentHelp(
                "An adapter to put onto the model, whatever base it names; may be repeated, in order.",
                valueName: "directory"), completion: .directory)
        var adapter: [String] = []
        @OptionGroup var encoding: EncodingModeArgument
        @Option(
            help: ArgumentHelp("Where to write it; must not exist.", valueName: "directory"),
            completion: .directory) var out: String
        @Option(help: "fp32, bf16 or int8.") var precision = Precision.float32
        @Flag(help: "Print one JSON object.") var json = false

        func run() throws {
            var directory = try ModelDirectory(FilePath(model), stacked: adapter.map { FilePath($0) })
            directory.usage.mode = encoding.mode ?? directory.usage.mode
            guard !FileManager.default.fileExists(atPath: out) else {
                throw KindredError(
                    .cannotCreate, "exists already; name another directory", at: .init(path: out))
            }
            do {
                try MergedModel.write(
                    DecoderWeights.load(directory), of: directory, usage: directory.usage,
                    as: precision.stored, to: FilePath(out))
            } catch {
                // Remove our incomplete directory, so that the next run can use its name.
                try? FileManager.default.removeItem(atPath: out)
                throw error
            }
            let merged = try ModelDirectory(FilePath(out))
            let fingerprint = try TextEncoder(directory: merged.path).fingerprint.hex
            if json { return try CommandOutput.json(ModelOutput(merged, fingerprint: fingerprint)) }
            CommandOutput.line("  merged      \(Terminal.sanitized(out))")
            CommandOutput.line("  fingerprint \(fingerprint)")
        }
    }
}

/// What `kindred model info --json` prints.
struct ModelOutput: Encodable {
    struct Adapter: Encodable {
        let directory: String
        let rank: Int
        let alpha: Double
        let modules: [String]
    }

    /// The linear map after pooling.
    struct Dense: Encodable {
        let inputs, outputs: Int
        let bias: Bool
        let activation: String
    }

    let directory, base, family, attention, pooling, fingerprint: String
    let hidden, layers, attentionHeads, keyValueHeads, headDimension, intermediate, vocabulary: Int
    let parameters, maximumTokens, dimensions: Int
    let dense: Dense?
    let adapters: [Adapter]

    init(_ model: ModelDirectory, fingerprint: String) {
        directory = model.path.string
        base = model.base.string
        family = model.shape.family.rawValue
        attention = model.usage.attention.rawValue
        pooling = model.usage.pooling.rawValue
        self.fingerprint = fingerprint
        hidden = model.shape.hiddenSize
        layers = model.shape.layers
        attentionHeads = model.shape.attentionHeads
        keyValueHeads = model.shape.keyValueHeads
        headDimension = model.shape.headDimension
        intermediate = model.shape.intermediateSize
        vocabulary = model.shape.vocabularySize
        let weights = try? model.checkpoint.weights(model.shape)
        let counted = weights?.tensors.values.filter {
            !$0.name.hasSuffix("_scale") && !$0.name.hasPrefix("lm_head")
        }
        let head = model.shape.tiesEmbeddings ? 0 : model.shape.vocabularySize * model.shape.hiddenSize
        let map = model.dense.map { $0.weight.count + ($0.bias?.count ?? 0) } ?? 0
        parameters = (counted?.reduce(0) { $0 + $1.count } ?? 0) + head + map
        dimensions = model.dimensions
        dense = model.dense.map {
            let activation = $0.shape.activation.rawValue
            return Dense(
                inputs: $0.shape.inputs, outputs: $0.shape.outputs, bias: $0.shape.hasBias,
                activation: activation.split(separator: ".").last.map(String.init) ?? activation)
        }
        maximumTokens = model.maximumTokens
        adapters = model.adapters.map {
            Adapter(
                directory: $0.directory.string, rank: $0.configuration.rank, alpha: $0.configuration.alpha,
                modules: $0.configuration.targetModules)
        }
    }
}
