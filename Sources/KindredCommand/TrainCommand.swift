import ArgumentParser
import Foundation
import Kindred
import KindredEncoder
import KindredSystem
import KindredTensors
import KindredTraining
import SystemPackage

struct TrainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "train",
        abstract: "Train the encoder: MNTP, SimCSE, pairs, distillation.",
        discussion: """
            The stages of LLM2Vec (BehnamGhader et al. 2024) turn a decoder into a text encoder. Each stage trains an \
            adapter on top of the previous one:

              kindred train mntp   TEXT --out runs/mntp
              kindred train simcse TEXT --model runs/mntp/adapter --out runs/simcse
              kindred train distill TEXTS --targets VECTORS.npy \\
                --model runs/simcse/adapter --out runs/distill
              kindred train pairs PAIRS --model runs/distill/adapter --out runs/pairs
              kindred reindex NAME --encoder runs/pairs/adapter

            A run writes checkpoints. After Ctrl-C or a crash, add --resume to the same command: the resumed run is \
            bit-identical to an uninterrupted one. With other --steps it becomes longer or shorter. 'kindred train \
            export' writes the adapter that the last checkpoint holds.
            """,
        subcommands: [
            Masked.self, Contrast.self, Distill.self, Pairs.self, Full.self, TrainAnchorsCommand.self,
            TrainExportCommand.self,
        ])

    struct Masked: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "mntp", abstract: "Masked next token prediction, with bidirectional attention.",
            discussion: "  kindred train mntp text.txt --out runs/mntp")
        @OptionGroup var text: TextArguments
        @OptionGroup var masking: MaskingArguments
        @OptionGroup var prediction: PredictionArguments
        @OptionGroup var adapter: AdapterArguments
        @OptionGroup var training: RunArguments

        func run() throws {
            var options = TrainingOptions(objective: .mntp)
            try masking.apply(to: &options)
            prediction.apply(to: &options)
            try adapter.apply(to: &options)
            try training.train(options, text: text)
        }
    }

    struct Contrast: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "simcse",
            abstract: "SimCSE: contrast sentences, each encoded twice with different dropout.",
            discussion: "  kindred train simcse text.txt --model runs/mntp/adapter --out runs/simcse")
        @OptionGroup var text: TextArguments
        @OptionGroup var contrast: ContrastArguments
        @OptionGroup var adapter: AdapterArguments
        @OptionGroup var training: RunArguments

        func run() throws {
            var options = TrainingOptions(objective: .simcse)
            (options.batch, options.length, options.learningRate) = (128, 128, 3e-5)
            options.attentionDropout = 0.3
            try contrast.apply(to: &options)
            try adapter.apply(to: &options)
            try training.train(options, text: text)
        }
    }

    struct Pairs: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "pairs", abstract: "Contrast queries with the passages that answer them.",
            discussion: """
                PAIRS files hold JSON lines {"query", "positive", "negatives": [...]} or query TAB positive [TAB \
                negative]. To give a file's queries an instruction, append it to the name after '=': squad.tsv="Find the \
                answer: "

                With a teacher's "scores": [...] (positive first), the loss is the divergence of the score distributions \
                over a query's own passages. Then every line needs scores.

                  kindred train pairs pairs.tsv --model runs/simcse/adapter --out runs/pairs
                """)
        @Argument(
            help: "Files of pairs; append '=INSTRUCTION' to a name for an instruction.", completion: .file())
        var files: [String]
        @OptionGroup var contrast: ContrastArguments
        @OptionGroup var temperature: TemperatureArguments
        @OptionGroup var adapter: AdapterArguments
        @OptionGroup var training: RunArguments

        func run() throws {
            var options = TrainingOptions(objective: .pairs)
            (options.batch, options.learningRate, options.warmup) = (64, 2e-4, 300)
            temperature.apply(to: &options)
            try contrast.apply(to: &options)
            try adapter.apply(to: &options)
            try training.train(options, pairs: files)
        }
    }

    struct Full: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "full", abstract: "Train all weights, with any objective (for small models).",
            discussion: "  kindred train full text.txt --objective causal --model MODEL --out runs/full")
        @Option(help: "causal, mntp, simcse, distill or pairs.") var objective: TrainingOptions.Objective
        @OptionGroup var text: TextArguments
        @OptionGroup var masking: MaskingArguments
        @OptionGroup var prediction: PredictionArguments
        @OptionGroup var contrast: ContrastArguments
        @OptionGroup var distillation: DistillationArguments
        @OptionGroup var temperature: TemperatureArguments
        @OptionGroup var training: RunArguments
        @Option(
            help: ArgumentHelp(
                "Factor of the learning rate for the token embedding; 0 freezes it (default: 1).",
                valueName: "factor"))
        var embeddingRate: Float?

        func run() throws {
            var options = TrainingOptions(objective: objective)
            options.full = true
            options.embeddingRate = embeddingRate
            options.dropout = 0
            if objective == .simcse { options.attentionDropout = 0.3 }
            try masking.apply(to: &options)
            prediction.apply(to: &options)
            try contrast.apply(to: &options)
            guard objective == .distill || distillation.targets.isEmpty else {
                throw KindredError(
                    .invalidRequest, "--targets are for --objective distill; leave them out, or name that")
            }
            distillation.apply(to: &options)
            temperature.apply(to: &options)
            switch objective {
            case .pairs: try training.train(options, pairs: text.files)
            case .distill: try training.train(options, texts: text.files, distillation)
            case .causal, .mntp, .simcse: try training.train(options, text: text)
            }
        }
    }
}
