import ArgumentParser
import KindredEncoder
import KindredSystem
import KindredTraining
import SystemPackage

extension TrainCommand {
    struct Distill: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "distill",
            abstract: "Learn the vectors of another model or service.",
            discussion: """
                The student learns a teacher's vectors, from any model or service. Row n of VECTORS belongs to line n of \
                TEXTS. Several files are paired in order:

                  kindred train distill a.txt b.txt --targets a.npy --targets b.npy --out runs/distill

                A linear map from the student's pooled vector to the teacher's is learned too and stored as 2_Dense. \
                Vectors are scaled to length 1. To train all weights, use kindred train full --objective distill.
                """)
        @Argument(
            help: "Files with a text on each line, also compressed by bzip2 or gzip.", completion: .file())
        var texts: [String]
        @OptionGroup var distillation: DistillationArguments
        @OptionGroup var temperature: TemperatureArguments
        @OptionGroup var adapter: AdapterArguments
        @OptionGroup var training: RunArguments

        func run() throws {
            var options = TrainingOptions(objective: .distill)
            options.dropout = 0
            (options.batch, options.length, options.learningRate, options.warmup) = (128, 128, 1e-4, 100)
            distillation.apply(to: &options)
            temperature.apply(to: &options)
            try adapter.apply(to: &options)
            try training.train(options, texts: texts, distillation)
        }
    }
}

extension DistillationOptions.Loss: ExpressibleByArgument {}

struct DistillationArguments: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Array of 32-bit or 16-bit floats, texts × dimensions; one per file of texts.",
            valueName: "vectors.npy"), completion: .file(extensions: ["npy"]))
    var targets: [String] = []
    @Flag(
        help:
            "Each line of texts is a JSON string, or an object with \"text\" and, if there is one, \"title\"."
    )
    var jsonLines = false
    @Option(help: "cosine: 1 - cosine; mse: squared distance to the teacher's unit vector (default: cosine).")
    var loss: DistillationOptions.Loss?
    @Option(
        help: ArgumentHelp(
            "Weight of the divergence of in-batch similarity distributions (default: 0).",
            valueName: "weight"))
    var relational: Float?
    @Flag(help: "Learn no linear map; student and teacher must have equal dimensions.") var noMap = false
    @Option(
        help: ArgumentHelp(
            "Factor of the learning rate for the linear map (default: 1).", valueName: "factor"))
    var mapRate: Float?

    func apply(to options: inout TrainingOptions) {
        guard var distillation = options.distillation else { return }
        distillation.loss = loss ?? distillation.loss
        distillation.relational = relational ?? distillation.relational
        distillation.map = !noMap
        distillation.mapRate = mapRate ?? distillation.mapRate
        options.distillation = distillation
    }
}

struct TemperatureArguments: ParsableArguments {
    @Option(
        help: """
            Temperature of the softmax over a teacher's scores, or over cosines of similarity distributions (default: \
            0.05, for cosines).
            """)
    var temperature: Float?

    func apply(to options: inout TrainingOptions) {
        if options.objective == .pairs { options.scoreTemperature = temperature }
        if let temperature { options.distillation?.temperature = temperature }
    }
}

extension RunArguments {
    func train(_ given: TrainingOptions, texts files: [String], _ distillation: DistillationArguments) throws
    {
        var options = given
        let model = try open(&options)
        guard !files.isEmpty else {
            throw KindredError(.invalidRequest, "no training text; name a file of texts")
        }
        guard files.count == distillation.targets.count else {
            throw KindredError(
                .invalidRequest,
                "there are \(files.count) files of texts and \(distillation.targets.count) of --targets; each file of texts "
                    + "needs its file of vectors")
        }
        let collector = try ExampleCollector(
            model, usage: options.usage(of: model), maximumTokens: options.length, limit: .max)
        var inputs: [EncoderInput] = []
        var counts: [(count: Int, name: String)] = []
        for file in files {
            let before = inputs.count
            try TextInput.forEach(in: file, jsonLines: distillation.jsonLines) { text in
                if Interrupts.requested { throw ExitCode(130) }
                inputs.append(collector.input(text))
            }
            counts.append((inputs.count - before, file))
        }
        let targets = try TargetVectors(distillation.targets.map { FilePath($0) }, texts: counts)
        try train(
            options, model: model, examples: .distillation(inputs, targets), maskToken: nil,
            sources: files + distillation.targets)
    }
}
