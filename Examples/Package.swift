// swift-tools-version: 6.2
import PackageDescription

let package = Package(
    name: "kindred-examples",
    platforms: [.macOS(.v15)],
    dependencies: [
        .package(name: "kindred", path: ".."),
        .package(url: "https://github.com/apple/swift-system", from: "1.8.0"),
    ],
    targets: [
        .executableTarget(
            name: "SearchDump", dependencies: [.product(name: "Kindred", package: "kindred")]),
        .executableTarget(
            name: "MaintainIndexes",
            dependencies: [
                .product(name: "Kindred", package: "kindred"),
                .product(name: "SystemPackage", package: "swift-system"),
            ]),
    ],
    swiftLanguageModes: [.v6]
)
