#!/usr/bin/env node
// Cuts the texts of tests/data/pre_tokenizers.json as each model's own definition says, and writes the pieces back into
// that file. To add a model, add its part of tokenizer.json there and run this.
//
//   npm install --no-save @anush008/tokenizers@0.6.0      Hugging Face's library in Rust, compiled for Node.js
//   node tools/cut_texts.mjs
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const { Tokenizer } = createRequire(join(process.cwd(), "x"))("@anush008/tokenizers");
const file = new URL("../tests/data/pre_tokenizers.json", import.meta.url);

// A vocabulary of the 256 bytes and no merges: each byte becomes a token that tells which piece it is of.
function byteVocabulary() {
  const vocabulary = {};
  let next = 256;
  for (let byte = 0; byte < 256; ++byte) {
    const printable = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 255 && byte !== 173);
    vocabulary[String.fromCodePoint(printable ? byte : next++)] = byte;
  }
  return vocabulary;
}

// Lengths of the pieces in bytes.
async function piecesOf(tokenizer, text) {
  const encoding = await tokenizer.encode(text, null, { addSpecialTokens: false });
  const lengths = [];
  let last;
  for (const word of encoding.getWordIds()) {
    if (word !== last) lengths.push(0);
    ++lengths[lengths.length - 1];
    last = word;
  }
  if (lengths.reduce((sum, length) => sum + length, 0) !== Buffer.byteLength(text)) throw new Error(`bytes are lost of ${text}`);
  return lengths;
}

const { texts, models } = JSON.parse(readFileSync(file));
for (const model of models) {
  const tokenizer = Tokenizer.fromString(JSON.stringify({
    version: "1.0", truncation: null, padding: null, added_tokens: [], normalizer: null,  // the texts are cut as they are
    pre_tokenizer: model.pre_tokenizer, post_processor: null, decoder: null,
    model: { type: "BPE", unk_token: null, fuse_unk: false, vocab: byteVocabulary(), merges: [] },
  }));
  model.pieces = [];
  for (const text of texts) model.pieces.push(await piecesOf(tokenizer, text));
}
const lines = (values) => values.map((value) => JSON.stringify(value)).join(",\n");
writeFileSync(file, `{"texts":[\n${lines(texts)}\n],"models":[\n${lines(models)}\n]}\n`);
