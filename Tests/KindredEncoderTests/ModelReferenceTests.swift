import Foundation
import KindredSystem
import KindredTestSupport
import SystemPackage
import Testing

@testable import KindredEncoder

@Suite struct ModelReferenceTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private var root: FilePath { directory.path }

    private func makeModel(_ path: FilePath) throws {
        try FileManager.default.createDirectory(atPath: path.string, withIntermediateDirectories: true)
        try Data("{}".utf8).write(to: URL(fileURLWithPath: path.appending("config.json").string))
    }

    private func found(_ name: String, from path: FilePath, isChecked: Bool = true) throws -> String {
        let path = try ModelReference.path(of: name, from: path, isChecked: isChecked).string
        return URL(fileURLWithPath: path).resolvingSymlinksInPath().path
    }

    private func resolved(_ path: FilePath) -> String {
        URL(fileURLWithPath: path.string).resolvingSymlinksInPath().path
    }

    @Test func `a model and what names it move together`() throws {
        let (model, run) = (root.appending("a/models/mine"), root.appending("a/runs/one/adapter"))
        try makeModel(model)
        try makeModel(run)
        let name = ModelReference.name(of: model, from: run)
        #expect(name == "../../../models/mine")
        try FileManager.default.moveItem(
            atPath: root.appending("a").string, toPath: root.appending("b").string)
        #expect(
            try found(name, from: root.appending("b/runs/one/adapter"))
                == resolved(root.appending("b/models/mine")))
    }

    @Test func `paths that share nothing but the root stay whole`() {
        #expect(ModelReference.name(of: "/nowhere/model", from: "/elsewhere/run") == "/nowhere/model")
        #expect(ModelReference.name(of: "/data/models/mine", from: "/data/runs/a/..") == "../models/mine")
    }

    @Test func `a lost model is looked for under the directories above, where a wrong one would be noticed`()
        throws
    {
        let run = root.appending("new/runs/adapter")
        try makeModel(run)
        try makeModel(root.appending("new/models/mine"))
        let name = "/old/place/models/mine"
        #expect(try found(name, from: run) == resolved(root.appending("new/models/mine")))
        #expect(try found(name, from: run, isChecked: false) == name)
    }

    @Test func `a repository's name is looked up in the cache of Hugging Face's libraries`() throws {
        let repository = root.appending("hub/models--owner--name")
        let snapshot = repository.appending("snapshots/abc")
        try makeModel(snapshot)
        let refs = repository.appending("refs")
        try FileManager.default.createDirectory(atPath: refs.string, withIntermediateDirectories: true)
        try Data("abc\n".utf8).write(to: URL(fileURLWithPath: refs.appending("main").string))
        for environment in [
            ["HF_HUB_CACHE": root.appending("hub").string], ["HF_HOME": root.string],
        ] {
            let path = try ModelReference.path(
                of: "owner/name", from: root, isChecked: false, environment: environment)
            #expect(path == snapshot)
        }
        let other = try ModelReference.path(
            of: "owner/other", from: root, isChecked: false,
            environment: ["HF_HUB_CACHE": root.appending("hub").string])
        #expect(other == "owner/other")
    }

    @Test func `an adapter whose base is gone says where to write its new place`() throws {
        let adapter = root.appending("adapter")
        try FileManager.default.copyItem(
            atPath: Fixtures.directory().appending("adapters/dora").string, toPath: adapter.string)
        let error = #expect(throws: KindredError.self) { try ModelDirectory(adapter) }
        #expect(error?.code == .notFound)
        #expect(error?.message.contains("base_model_name_or_path") == true)
        // Put onto the base by hand, it needs no name.
        let base = Fixtures.directory().appending("families/qwen3")
        #expect(try ModelDirectory(base, stacked: [adapter]).adapters.count == 1)
    }
}
