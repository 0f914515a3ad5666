import ArgumentParser
import Foundation
import Kindred
import KindredEncoder
import KindredSystem
import KindredTensors
import KindredTraining
import SystemPackage

extension TrainingOptions.Objective: ExpressibleByArgument {}
extension LearningRateSchedule.Kind: ExpressibleByArgument {}
extension EncoderConfiguration.Pooling: ExpressibleByArgument {}
extension EncoderConfiguration.Attention: ExpressibleByArgument {}
extension AdapterConfiguration.Initialization: ExpressibleByArgument {}

/// A precision that there are gradients in.
struct TrainingPrecision: ExpressibleByArgument {
    static var allValueStrings: [String] { Precision.allCases.filter(\.hasGradients).map(\.rawValue) }

    let precision: Precision

    init?(argument: String) {
        guard let precision = Precision(rawValue: argument), precision.hasGradients else { return nil }
        self.precision = precision
    }
}

/// Text to train on.
struct TextArguments: ParsableArguments {
    @Argument(
        help: """
            Dumps, plain text, or WikiExtractor's files, also compressed by bzip2 or gzip; '-' is standard input \
            (xz -dc FILE | kindred train ... -).
            """, completion: .file())
    var files: [String] = []

    @Option(
        help: ArgumentHelp("Train on the texts of this index.", valueName: "name"), completion: .indexName)
    var fromIndex: String?

    @Flag(help: "Take each line of plain text as one sentence (simcse).") var linesAreSentences = false

    @Option(
        help: ArgumentHelp("Stop reading text after this many million tokens.", valueName: "millions"))
    var tokenLimit = 100.0

    @OptionGroup var indexes: IndexOptions
}

struct MaskingArguments: ParsableArguments {
    @Option(help: "Share of tokens to predict (default: 0.2).") var maskShare: Double?
    @Flag(help: "Mask all of them; otherwise 80 % are masked, 10 % random, 10 % unchanged.") var maskAll =
        false
    @Option(help: "Text of the mask token, a single token of the model (default: '_').") var maskToken:
        String?

    func apply(to options: inout TrainingOptions) throws {
        options.maskShare = maskShare ?? options.maskShare
        options.masksAll = maskAll
        options.maskToken = maskToken ?? options.maskToken
    }
}

struct PredictionArguments: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Sampled softmax: predict among this many tokens per step, those of the batch and random others "
                + "(default: the whole vocabulary).",
            valueName: "count"))
    var sampledTokens: Int?

    func apply(to options: inout TrainingOptions) {
        options.sampledTokens = sampledTokens ?? options.sampledTokens
    }
}

struct ContrastArguments: ParsableArguments {
    @Option(help: "Inverse temperature: cosines are multiplied by it (default: 20).") var scale: Float?
    @Option(help: "Dropout of attention weights (default: 0.3 for simcse, otherwise 0).")
    var attentionDropout: Float?

    func apply(to options: inout TrainingOptions) throws {
        options.scale = scale ?? options.scale
        options.attentionDropout = attentionDropout ?? options.attentionDropout
    }
}

struct AdapterArguments: ParsableArguments {
    @Option(help: "Rank of the adapter's matrices (default: 16).") var rank: Int?
    @Option(help: "The adapter is scaled by alpha / rank (default: 32).") var alpha: Double?
    @Option(help: "Dropout before the adapter (default: 0.05; 0 for distill).") var dropout: Float?
    @Option(help: "Modules to change, separated by commas (default: all linear layers of a block).")
    var modules: String?
    @Option(help: "Initial values of the adapter, by peft's names (default: true).")
    var initialization: AdapterConfiguration.Initialization?

    func apply(to options: inout TrainingOptions) throws {
        options.rank = rank ?? options.rank
        options.alpha = alpha ?? options.alpha
        options.dropout = dropout ?? options.dropout
        if let modules { options.targets = modules.split(separator: ",").map(String.init) }
        options.initialization = initialization?.rawValue ?? options.initialization
    }
}
