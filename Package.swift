// swift-tools-version: 6.2
import PackageDescription

// Layers, lowest first; a target imports only what stands above it in this file.
// ARCHITECTURE.md says what lives where.
let package = Package(
    name: "kindred",
    platforms: [.macOS(.v15)],
    products: [
        .library(name: "Kindred", targets: ["Kindred"]),
        .executable(name: "kindred", targets: ["KindredCommand"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.0"),
        .package(url: "https://github.com/apple/swift-system", from: "1.8.0"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        // Without its traits: no configuration files, no streams of files.
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.0", traits: []),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        // `swift package generate-documentation --target Kindred`
        .package(url: "https://github.com/swiftlang/swift-docc-plugin", from: "1.5.0"),
    ],
    targets: [
        // Layer 0: C.
        .target(name: "CKindredKernels"),
        .target(
            name: "CPageChecksums", dependencies: ["CKindredKernels"],
            linkerSettings: [.linkedLibrary("sqlite3")]),
        .target(name: "COutOfMemory", dependencies: ["CKindredKernels"]),
        .systemLibrary(name: "COpenBLAS", pkgConfig: "openblas", providers: [.apt(["libopenblas-dev"])]),
        .systemLibrary(name: "CLZ4", pkgConfig: "liblz4", providers: [.apt(["liblz4-dev"])]),
        .systemLibrary(name: "CBzip2", providers: [.apt(["libbz2-dev"])]),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .systemLibrary(name: "CLZMA", pkgConfig: "liblzma", providers: [.apt(["liblzma-dev"])]),
        .systemLibrary(name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"])]),
        .systemLibrary(name: "CLibXML2", pkgConfig: "libxml-2.0", providers: [.apt(["libxml2-dev"])]),
        .systemLibrary(
            name: "CCMark", pkgConfig: "libcmark-gfm",
            providers: [.apt(["libcmark-gfm-dev", "libcmark-gfm-extensions-dev"])]),
        .systemLibrary(name: "CStemmer", providers: [.apt(["libstemmer-dev"])]),
        .systemLibrary(name: "CLibEdit", pkgConfig: "libedit", providers: [.apt(["libedit-dev"])]),

        // Layer 1: what several of the layers above need of the operating system and of C.
        .target(
            name: "KindredSystem",
            dependencies: [
                "CKindredKernels", "COpenBLAS", "CBzip2", "CZlib", "CLZMA", "CZstd",
                .product(name: "SystemPackage", package: "swift-system"),
            ]
        ),

        // Layer 2: siblings never import each other.
        .target(name: "KindredTensors", dependencies: ["CKindredKernels", "KindredSystem"]),
        .target(name: "KindredWikipedia", dependencies: ["CLibXML2", "KindredSystem"]),

        // Layer 3
        .target(
            name: "KindredDocuments",
            dependencies: [
                "CCMark", "CLibXML2", "KindredSystem", "KindredWikipedia",
                .product(name: "Crypto", package: "swift-crypto"), .product(name: "Yams", package: "Yams"),
            ]
        ),
        .target(name: "KindredTokenizers", dependencies: ["KindredSystem"]),
        .target(
            name: "KindredIndex", dependencies: ["CKindredKernels", "KindredSystem", "KindredTensors"]),
        .target(
            name: "KindredStore",
            dependencies: [
                "CPageChecksums", "CLZ4", "CStemmer", "KindredSystem",
                .product(name: "GRDB", package: "GRDB.swift"),
            ]
        ),

        // Layer 4
        .target(
            name: "KindredEncoder",
            dependencies: [
                "KindredSystem", "KindredTensors", "KindredTokenizers",
                .product(name: "Crypto", package: "swift-crypto"),
            ]
        ),

        // Layer 5
        .target(
            name: "KindredTraining",
            dependencies: [
                "CKindredKernels", "KindredSystem", "KindredTensors", "KindredWikipedia", "KindredTokenizers",
                "KindredEncoder",
                .product(name: "Crypto", package: "swift-crypto"),
            ]
        ),
        .target(
            name: "KindredEvaluation",
            dependencies: [
                "KindredSystem", "KindredTensors", "KindredWikipedia", "KindredTokenizers", "KindredIndex",
                "KindredStore", "KindredEncoder",
            ]
        ),
        .target(
            name: "Kindred",
            dependencies: [
                "KindredSystem", "KindredTensors", "KindredWikipedia", "KindredDocuments",
                "KindredTokenizers",
                "KindredIndex", "KindredStore", "KindredEncoder",
                .product(name: "Crypto", package: "swift-crypto"),
            ],
            resources: [.copy("Resources/encoder"), .copy("Resources/sample.xml.bz2")]
        ),

        // Layer 6
        .target(
            name: "KindredStudy",
            dependencies: [
                "KindredSystem", "KindredTensors", "KindredEncoder", "KindredEvaluation",
            ]
        ),

        .target(
            name: "KindredServer",
            dependencies: [
                "KindredSystem", "KindredTensors", "KindredWikipedia", "KindredEncoder", "Kindred",
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "Hummingbird", package: "hummingbird"),
            ],
            resources: [.embedInCode("Resources/page.html"), .embedInCode("Resources/openapi.json")]
        ),

        // Layer 7
        .executableTarget(
            name: "KindredCommand",
            dependencies: [
                "Kindred", "KindredTraining", "KindredEvaluation", "KindredStudy", "KindredServer",
                "KindredDocuments", "KindredEncoder", "KindredIndex", "KindredTensors", "KindredWikipedia",
                "KindredSystem",
                "CKindredKernels", "CLibEdit", "COutOfMemory",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ]
        ),

        // Tests: one target for each target above.
        .target(
            name: "KindredTestSupport", dependencies: ["KindredSystem"], path: "Tests/KindredTestSupport"),
        .testTarget(
            name: "KindredSystemTests",
            dependencies: ["CKindredKernels", "KindredSystem", "KindredTestSupport"]),
        .testTarget(
            name: "KindredTensorsTests", dependencies: ["KindredTensors", "KindredTestSupport"],
            resources: [.copy("Fixtures")]),
        .testTarget(
            name: "KindredWikipediaTests", dependencies: ["KindredWikipedia", "KindredTestSupport"]),
        .testTarget(
            name: "KindredDocumentsTests", dependencies: ["KindredDocuments", "KindredTestSupport"]),
        .testTarget(
            name: "KindredTokenizersTests", dependencies: ["KindredTokenizers", "KindredTestSupport"],
            resources: [.copy("Fixtures")]),
        .testTarget(
            name: "KindredIndexTests",
            dependencies: [
                "KindredIndex", "KindredSystem", "KindredTensors", "CKindredKernels", "KindredTestSupport",
            ]),
        .testTarget(name: "KindredStoreTests", dependencies: ["KindredStore", "KindredTestSupport"]),
        .testTarget(
            name: "KindredEncoderTests", dependencies: ["KindredEncoder", "KindredTestSupport"],
            resources: [.copy("Fixtures")]),
        .testTarget(
            name: "KindredTrainingTests",
            dependencies: [
                "KindredTraining", "KindredEncoder", "KindredTensors", "CKindredKernels",
                "KindredTestSupport",
            ],
            resources: [.copy("Fixtures")]),
        .testTarget(
            name: "KindredEvaluationTests",
            dependencies: [
                "KindredEvaluation", "KindredEncoder", "KindredIndex", "KindredTensors", "KindredSystem",
                "KindredTestSupport",
            ],
            resources: [.copy("Fixtures")]),
        .testTarget(
            name: "KindredStudyTests",
            dependencies: ["KindredStudy", "KindredEncoder", "KindredTensors", "KindredTestSupport"]),
        .testTarget(
            name: "KindredTests",
            dependencies: ["Kindred", "KindredIndex", "KindredStore", "KindredTestSupport"]),
        .testTarget(
            name: "KindredServerTests",
            dependencies: [
                "KindredServer", "Kindred", "KindredEncoder", "KindredSystem", "KindredTestSupport",
            ]),
        .testTarget(
            name: "KindredCommandTests", dependencies: ["Kindred", "KindredCommand", "KindredTestSupport"]),
    ],
    swiftLanguageModes: [.v6]
)

// Every target is checked for memory safety (SE-0458): an expression that is not safe is marked `unsafe`.
for target in package.targets where [.regular, .executable, .test].contains(target.type) {
    target.swiftSettings = [.strictMemorySafety()]
}

// Without optimization the tests take ten times as long, most of it in these targets. A package with unsafe flags cannot
// be a dependency, so only `Scripts/test` asks for them.
if Context.environment["KINDRED_OPTIMIZED_TESTS"] != nil {
    let computing: Set = [
        "KindredSystem", "KindredTensors", "KindredWikipedia", "KindredTokenizers", "KindredIndex",
        "KindredStore", "KindredEncoder", "KindredTraining", "KindredEvaluation", "Kindred",
    ]
    for target in package.targets where computing.contains(target.name) {
        target.swiftSettings?.append(.unsafeFlags(["-O"]))
    }
}
