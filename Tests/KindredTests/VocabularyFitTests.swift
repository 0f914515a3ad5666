import KindredEncoder
import KindredTestSupport
import SystemPackage
import Testing

@testable import Kindred

@Suite struct VocabularyFitTests {
    @Test func `the embedded encoder fits English, and warns of other languages`() throws {
        let encoder = try TextEncoder(
            directory: EncoderReference.directory(of: EncoderReference.embeddedModel))
        func warning(_ sentence: String) -> String? {
            var fit = VocabularyFit()
            for _ in 0..<500 { fit.add(bytes: sentence.utf8.count, tokens: encoder.tokenCount(sentence)) }
            return fit.warning
        }
        #expect(warning("The bridge sways in the wind until dampers bring it back to rest.") == nil)
        for other in [
            "Die Brücke schwankt im Wind, bis Dämpfer sie wieder zur Ruhe bringen.",
            "Мост качается на ветру, пока гасители не остановят его.", "橋は風で揺れるが、ダンパーがそれを止める。",
        ] {
            #expect(warning(other)?.contains("--encoder") == true, "\(other)")
        }
    }

    @Test func `a short text tells nothing`() {
        var fit = VocabularyFit()
        fit.add(bytes: 1000, tokens: 1000)
        #expect(fit.warning == nil)
    }
}
