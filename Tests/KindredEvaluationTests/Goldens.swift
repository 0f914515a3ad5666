import Foundation
import KindredTensors
import KindredTestSupport
import SystemPackage

/// What Tools/goldens/evaluation_goldens.py wrote.
struct Goldens: Decodable {
    struct Correlations: Decodable {
        let x, y, ranks: [Double]
        let pearson, spearman: Double
    }

    struct Ranking: Decodable {
        let ranking, judgments: [Int]
        let ndcgCut10, recall10, recall100, mrr10: Double

        enum CodingKeys: String, CodingKey {
            case ranking, judgments
            case ndcgCut10 = "ndcg_cut_10"
            case recall10 = "recall_10"
            case recall100 = "recall_100"
            case mrr10 = "mrr_10"
        }
    }

    struct Minimisations: Decodable {
        struct Case: Decodable {
            let iterations, used: Int
            let point: [Double]
            let value: Double
        }
        let start: [Double]
        let cases: [Case]
    }

    struct Regressions: Decodable {
        struct Case: Decodable {
            let name: String
            let classes, iterations, used, training: Int
            let c, accuracy: Double
            let macroF1: Double
            let features, weights: [[Double]]
            let labels, predictions: [Int]
            let intercepts: [Double]

            enum CodingKeys: String, CodingKey {
                case name, classes, iterations, used, training, c, accuracy, features, weights, labels
                case predictions, intercepts
                case macroF1 = "macro_f1"
            }
        }
        struct Scaling: Decodable { let features, scaled: [[Double]] }
        let cases: [Case]
        let scaling: Scaling
    }

    struct Entities: Decodable {
        let labels, predictions: [[String]]
        let precision, recall, f1: Double
        let tokenF1: Double

        enum CodingKeys: String, CodingKey {
            case labels, predictions, precision, recall, f1
            case tokenF1 = "token_f1"
        }
    }

    let correlations: [Correlations]
    let rankings: [Ranking]
    let minimisations: Minimisations
    let regressions: Regressions
    let entities: [Entities]

    static func load() throws -> Goldens {
        let path = Fixtures.directory().appending("goldens.json").string
        return try JSONDecoder().decode(Goldens.self, from: Data(contentsOf: URL(fileURLWithPath: path)))
    }
}

extension Matrix {
    init(doubles rows: [[Double]]) { self.init(rows.map { $0.map { Float($0) } }) }

    /// The largest difference of an element from a table of the same shape.
    func distance(to rows: [[Double]]) -> Double {
        var largest = 0.0
        for (row, values) in rows.enumerated() {
            for (column, value) in values.enumerated() {
                largest = max(largest, abs(Double(self[row, column]) - value))
            }
        }
        return largest
    }
}
