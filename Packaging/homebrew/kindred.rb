# Builds from source, on Linux and macOS. Nobody has tried it yet. The addresses are placeholders; a release fills them
# in, with url and sha256.
class Kindred < Formula
  desc "Local-first semantic search engine for Wikipedia dumps and your own files"
  homepage "https://example.org/kindred"
  license "Apache-2.0"
  head "https://example.org/kindred.git", branch: "main"

  depends_on "pkg-config" => :build
  depends_on "swift" => :build if OS.linux?
  depends_on xcode: ["26.0", :build]
  depends_on "cmark-gfm"
  depends_on "libedit"
  depends_on "libxml2"
  depends_on "lz4"
  depends_on macos: :sequoia
  depends_on "openblas"
  depends_on "poppler"
  depends_on "snowball"
  depends_on "sqlite"
  depends_on "xz"
  depends_on "zstd"

  uses_from_macos "bzip2"
  uses_from_macos "zlib"

  def install
    system "swift", "build", "-c", "release", "-Xcc", "-O2", "--disable-sandbox", "--product", "kindred"
    bin.install ".build/release/kindred"
    (share/"kindred").install Dir["Sources/Kindred/Resources/*"]
    generate_completions_from_executable(bin/"kindred", "--generate-completion-script",
                                         shell_parameter_format: :none)
    system "sh", "-c", "#{bin}/kindred --experimental-dump-help > help.json"
    man1.mkpath
    system "Packaging/manual", "help.json", man1
  end

  test do
    ENV["KINDRED_INDEXES"] = testpath.to_s
    system bin/"kindred", "index", "--sample", "--index", "sample", "--quiet"
    assert_match "Proudhon", shell_output("#{bin}/kindred search 'who argued that property is theft' -k 1")
  end
end
