import KindredSystem
import SystemPackage

/// The files that ship with Kindred: the embedded encoder and the sample dump.
///
/// They lie in `kindred_Kindred.resources` beside the executable, in `../share/kindred` seen from it, or where
/// `KINDRED_RESOURCES` says.
public enum Resources {
    /// The Hugging Face directory of the embedded encoder.
    /// - Throws: `unavailable` where it cannot be found.
    public static func embeddedModel() throws -> FilePath { try ResourceFiles.embeddedModel() }

    /// A small MediaWiki dump to try Kindred with.
    /// - Throws: `unavailable` where it cannot be found.
    public static func sampleDump() throws -> FilePath { try ResourceFiles.find("sample.xml.bz2") }
}
