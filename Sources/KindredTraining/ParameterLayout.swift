import KindredEncoder
import KindredSystem
import SystemPackage

/// Named parameters that lie one after the other in one buffer; gradients and the optimizer's moments have the same
/// layout in theirs.
package struct ParameterLayout: Sendable {
    package struct Entry: Sendable {
        /// "layers.0.self_attn.q_proj.weight"
        package let name: String
        package let shape: [Int]
        package let offset: Int
        /// Whether weight decay pulls at it: matrices yes, vectors no.
        package var decays: Bool { shape.count > 1 }
        /// The number of the layer that it belongs to; nil outside the layers.
        var layer: Int? {
            let parts = name.split(separator: ".", maxSplits: 2)
            return parts.first == "layers" ? Int(parts[1]) : nil
        }
        package var count: Int { shape.reduce(1, *) }
        package var range: Range<Int> { offset..<offset + count }
    }

    package private(set) var entries: [Entry] = []
    package private(set) var count = 0
    private var places: [String: Int] = [:]

    package init() {}

    mutating func append(_ name: String, _ shape: [Int]) {
        places[name] = entries.count
        entries.append(Entry(name: name, shape: shape, offset: count))
        count += entries[entries.count - 1].count
    }

    /// The entry called `name`, which is there.
    package subscript(name: String) -> Entry {
        guard let place = places[name] else { preconditionFailure("no parameter \(name)") }
        return entries[place]
    }

    package func contains(_ name: String) -> Bool { places[name] != nil }

    /// All weights of a decoder and its head. Matrices that read the same input are neighbours, so that they can be
    /// taken for one.
    /// - Parameter dense: the linear map after pooling, whose parameters come last; nil: none.
    package static func decoder(_ shape: DecoderConfiguration, dense: Dense.Shape? = nil) -> ParameterLayout {
        var layout = ParameterLayout()
        let hidden = shape.hiddenSize
        layout.append("embed_tokens.weight", [shape.vocabularySize, hidden])
        for layer in 0..<shape.layers {
            let prefix = "layers.\(layer)."
            func linear(_ modules: [String], in parent: String, bias: Bool) {
                for module in modules {
                    let (output, input) = shape.shape(of: module)
                    layout.append("\(prefix)\(parent).\(module).weight", [output, input])
                }
                for module in modules where bias {
                    layout.append("\(prefix)\(parent).\(module).bias", [shape.shape(of: module).output])
                }
            }
            layout.append(prefix + "input_layernorm.weight", [hidden])
            linear(["q_proj", "k_proj", "v_proj"], in: "self_attn", bias: shape.hasAttentionBias)
            if shape.normalizesHeads {
                layout.append(prefix + "self_attn.q_norm.weight", [shape.headDimension])
                layout.append(prefix + "self_attn.k_norm.weight", [shape.headDimension])
            }
            linear(["o_proj"], in: "self_attn", bias: shape.hasOutputBias)
            layout.append(prefix + "post_attention_layernorm.weight", [hidden])
            linear(["gate_proj", "up_proj"], in: "mlp", bias: false)
            linear(["down_proj"], in: "mlp", bias: false)
        }
        layout.append("norm.weight", [hidden])
        if !shape.tiesEmbeddings { layout.append("lm_head.weight", [shape.vocabularySize, hidden]) }
        if let dense { layout.append(dense) }
        return layout
    }

    static let denseWeight = "dense.weight"
    static let denseBias = "dense.bias"

    mutating func append(_ dense: Dense.Shape) {
        append(Self.denseWeight, [dense.outputs, dense.inputs])
        if dense.hasBias { append(Self.denseBias, [dense.outputs]) }
    }

    /// Writes the linear map whose parameters `buffer` holds.
    /// - Throws: `cannotCreate`, `inputOutput`.
    func write(_ dense: Dense.Shape, in buffer: AlignedBuffer<Float>, to directory: FilePath) throws {
        try Dense.write(
            dense, weight: (buffer, self[Self.denseWeight].offset),
            bias: dense.hasBias ? (buffer, self[Self.denseBias].offset) : nil, to: directory)
    }

    /// The matrices of an adapter: A (r × input) and B (output × r) of each module, and the linear map that is trained with
    /// them, if there is one.
    package static func adapter(
        _ configuration: AdapterConfiguration, for shape: DecoderConfiguration, dense: Dense.Shape? = nil
    ) -> ParameterLayout {
        var layout = ParameterLayout()
        for (path, name) in modules(of: configuration, for: shape) {
            let (output, input) = shape.shape(of: name)
            layout.append(path + ".lora_A.weight", [configuration.rank, input])
            layout.append(path + ".lora_B.weight", [output, configuration.rank])
        }
        if let dense { layout.append(dense) }
        return layout
    }

    static func modules(
        of configuration: AdapterConfiguration, for shape: DecoderConfiguration
    ) -> [(path: String, name: String)] {
        (0..<shape.layers).flatMap { layer in
            AdapterConfiguration.knownModules.filter(configuration.targetModules.contains).map {
                (DecoderConfiguration.modulePath(layer: layer, name: $0), $0)
            }
        }
    }

    /// A parameter in a buffer of this layout; a vector is one row.
    func operand(_ name: String, in buffer: AlignedBuffer<Float>) -> MatrixView {
        let entry = self[name]
        return MatrixView(
            buffer, offset: entry.offset, rows: entry.shape.count == 1 ? 1 : entry.shape[0],
            columns: entry.shape.last!)
    }

    /// Neighbouring matrices of one width as one.
    func stacked(_ names: [String], in buffer: AlignedBuffer<Float>) -> MatrixView {
        let parts = names.map { self[$0] }
        for (part, next) in zip(parts, parts.dropFirst()) {
            precondition(part.range.upperBound == next.offset && part.shape.last == next.shape.last)
        }
        return MatrixView(
            buffer, offset: parts[0].offset, rows: parts.reduce(0) { $0 + $1.shape[0] },
            columns: parts[0].shape.last!)
    }

    /// Neighbouring vectors as one row.
    func joined(_ names: [String], in buffer: AlignedBuffer<Float>) -> MatrixView {
        let parts = names.map { self[$0] }
        for (part, next) in zip(parts, parts.dropFirst()) {
            precondition(part.range.upperBound == next.offset)
        }
        return MatrixView(
            buffer, offset: parts[0].offset, rows: 1, columns: parts.reduce(0) { $0 + $1.count })
    }
}
