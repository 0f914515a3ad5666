import Foundation
import Hummingbird
import Kindred

/// Answers over HTTP.
package enum Server {
    package static var page: [UInt8] { PackageResources.page_html }
}
