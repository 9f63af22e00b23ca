// Writes generated text and the ids that Hugging Face's tokenizer gives it, one JSON object a line:
// {"text": "...", "ids": [...]}. The same seed writes the same lines.
//
//   node generate.mjs TOKENIZER_JSON OUTPUT [COUNT] [SEED]
import { readFileSync, writeFileSync } from "node:fs";
import { Tokenizer } from "@huggingface/tokenizers";

const [, , tokenizerPath, outputPath, countText = "4000", seedText = "1"] = process.argv;
const count = Number(countText);

// Mulberry32: small, and the same in every version of Node.
let state = Number(seedText) >>> 0;
function random() {
  state = (state + 0x6d2b79f5) >>> 0;
  let t = state;
  t = Math.imul(t ^ (t >>> 15), t | 1);
  t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
}
const below = (n) => Math.floor(random() * n);
const pick = (list) => list[below(list.length)];
const times = (n, make) => Array.from({ length: n }, make).join("");

const sentences = [
  "The quick brown fox jumps over the lazy dog.",
  "It's been 4 ½ months since we've met; they'll say \"don't\".",
  "Größe, Äpfel, Übermut und Straße – für 3,50 €.",
  "L'été dernier, j'ai mangé des crêpes à Besançon.",
  "El niño comió piñas en España, ¿verdad?",
  "Съешь же ещё этих мягких французских булок.",
  "Ο καφές είναι ζεστός και η θάλασσα ήρεμη.",
  "Cửa Việt nằm ở miền Trung.",
  "私は毎日日本語を勉強しています。カタカナも。",
  "今天天气很好，我们去公园散步吧！",
  "나는 오늘 아침에 커피를 마셨습니다.",
  "ខ្ញុំស្រឡាញ់ភាសាខ្មែរ និងប្រទេសកម្ពុជា។",
  "ฉันรักภาษาไทยและอาหารไทยมาก",
  "مرحبا بالعالم، كيف حالك اليوم؟ السَّلامُ عَلَيْكُم",
  "שלום עולם, מה שלומך היום?",
  "नमस्ते दुनिया, आप कैसे हैं? क्षत्रिय ज्ञान।",
  "বাংলা ভাষা আমার মায়ের ভাষা।",
  "தமிழ் மொழி மிகவும் பழமையானது.",
  "მე მიყვარს საქართველო და მისი ენა.",
  "Ես սիրում եմ Հայաստանը։",
  "አማርኛ ቋንቋ በኢትዮጵያ ይነገራል።",
  "བོད་ཡིག་ནི་ཡག་པོ་ཡོད།",
  "မြန်မာဘာသာစကား",
  "Ĉu vi parolas Esperanton? Ŝi ĝojas.",
];
const code = [
  'for (int i = 0; i < n; ++i) {\n    printf("%d\\n", i);\n}\n',
  "def f(x):\n\treturn {k: v**2 for k, v in x.items()}\n",
  "SELECT a.id, COUNT(*) FROM t AS a WHERE a.x >= 10 GROUP BY 1;",
  '<div class="a">\n  <p>Hello &amp; bye</p>\n</div>',
  '{"key": [1, 2.5e-3, null, true], "ü": "\\u00fc"}',
  "#include <vector>\nstd::vector<std::pair<int, float>> v{{1, 2.f}};",
  "$ grep -rn 'x\\+y' ./src | awk '{print $1}' >> out.txt",
  "\\frac{a}{b} + \\sum_{i=0}^{n} x_i^2 \\leq \\infty",
  "0x7fff 1e10 3.14159 1,000,000 192.168.0.1 2024-02-29T12:34:56Z",
  "fn main() -> Result<(), Box<dyn Error>> { Ok(()) }",
  "https://example.org/a/b?c=d&e=f#g user@example.org",
  "| a | b |\n|---|:-:|\n| 1 | `x` |\n\n```js\nlet a = b ?? c;\n```\n",
];
const emoji = [
  "🦙", "😀", "👍🏽", "👨‍👩‍👧‍👦", "🏳️‍🌈", "🇩🇪", "🇰🇭🇹🇭", "❤️", "1️⃣", "🧑🏿‍🚀", "🫠", "👩‍❤️‍💋‍👨", "☺", "✈️", "🏴󠁧󠁢󠁳󠁣󠁴󠁿",
];
const odd = [
  "\u0000", "\u0001", "\u007f", "\u00a0", "\u00ad", "\u200b", "\u200d", "\u200e", "\u2028", "\ufeff",
  "\ufffd", "e\u0301", "Z\u0351\u0327\u0343", "\r", "\r\n", "\t", "\u000b", "\u3000", "ﬁ", "𝔘𝔫𝔦", "Ⅻ", "\u{10ffff}",
  "\u{1f3fb}", "\u{e0001}", "½", "№", "≠", "…", "“", "”", "–", "▁", "▁▁",
];
const ranges = [
  [0x20, 0x7e], [0xa0, 0x24f], [0x370, 0x3ff], [0x400, 0x52f], [0x590, 0x6ff], [0x900, 0x97f], [0x980, 0xdff],
  [0xe00, 0xe7f], [0xf00, 0xfff], [0x1000, 0x109f], [0x10a0, 0x10ff], [0x1200, 0x137f], [0x1780, 0x17ff],
  [0x1e00, 0x1fff], [0x2000, 0x2bff], [0x3000, 0x30ff], [0x4e00, 0x9fff], [0xac00, 0xd7a3], [0xe000, 0xe0ff],
  [0xfb00, 0xfdff], [0xff00, 0xffef], [0x10000, 0x100ff], [0x1d400, 0x1d7ff], [0x1f300, 0x1faff], [0x20000, 0x2a6df],
];
const characterFrom = ([first, last]) => String.fromCodePoint(first + below(last - first + 1));
const length = () => 1 + Math.floor(2 ** (random() * 6.5));  // 1 to 90, short ones often

const kinds = {
  sentence: () => pick(sentences),
  sliced: () => {
    const characters = [...pick(sentences), ...pick(sentences)];
    const begin = below(characters.length);
    return characters.slice(begin, begin + length()).join("");
  },
  code: () => pick(code),
  emoji: () => times(1 + below(8), () => pick(emoji) + (below(3) ? "" : " ")),
  spaces: () => times(1 + below(4), () => " ".repeat(length()) + pick(["", "a", "x =", "\n", "."])),
  newlines: () => times(1 + below(4), () => "\n".repeat(length()) + pick(["", "a", " ", "\t", "  b"])),
  tabs: () => times(1 + below(4), () => "\t".repeat(length()) + pick(["", "a", " ", "\n", "é"])),
  whitespace: () => times(length(), () => pick([" ", "  ", "\n", "\t", "\r\n", "\u00a0", "a"])),
  oneScript: () => {
    const range = pick(ranges);
    return times(length(), () => (below(6) ? characterFrom(range) : " "));
  },
  anyScript: () => times(length(), () => characterFrom(pick(ranges))),
  odd: () => times(1 + below(10), () => pick(odd) + (below(2) ? pick(["a", " ", "the"]) : "")),
  repeated: () => pick([..."aAbz019!?.=-_*#~", "ab", "ha", "ü", "の", "ា", "👍"]).repeat(length()),
  words: () => times(length(), () => pick(["the", "world", "ing", "Er", "ANT", "un", "ß", "x"]) + pick(["", " ", " "])),
  punctuation: () => times(length(), () => pick([..."!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"])),
  digits: () => times(length(), () => pick([..."0123456789., "])),
  mixed: () => times(2 + below(6), () => kinds[pick(["sliced", "code", "emoji", "odd", "newlines", "digits"])]()),
};

function makeText(index) {
  if (index % 400 === 399) {  // a long one
    return times(60 + below(60), () => pick(sentences) + pick([" ", "\n", "\n\n", "  ", ""]) + pick(code));
  }
  const names = Object.keys(kinds);
  return kinds[names[index % names.length]]();
}

const definition = JSON.parse(readFileSync(tokenizerPath, "utf8"));
// Gemma 3 lists whitespace runs and HTML tags as added tokens, which are cut out before merging.
// Gemma 4 lists only its structure, so that is what both sides are given.
definition.added_tokens = definition.added_tokens.filter((token) => token.special);
const structure = definition.added_tokens.map((token) => token.content);
const tokenizer = new Tokenizer(definition, {});

const lines = [];
for (let index = 0; lines.length < count; ++index) {
  const text = makeText(index);
  if (text === "" || structure.some((special) => text.includes(special))) continue;
  const { ids } = tokenizer.encode(text, { add_special_tokens: false });
  lines.push(JSON.stringify({ text, ids }));
}
writeFileSync(outputPath, lines.join("\n") + "\n");
