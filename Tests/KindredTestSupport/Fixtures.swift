import Foundation
import SystemPackage

/// Files that lie beside the tests' sources.
package enum Fixtures {
    /// The directory `Fixtures` of the test target that `file` is in.
    package static func directory(besides file: String = #filePath) -> FilePath {
        FilePath(file).removingLastComponent().appending("Fixtures")
    }
}
