// The operations a decoder is made of, behind one interface. A model's forward is written against `Ops` once
// and runs on any backend and on any number of ranks: one rank computes its own heads, FFN units and
// vocabulary rows, and only `all_reduce` looks at other ranks.
//
// Everything here is a handle. What it points at (a span of floats, a GPU buffer) is the backend's business,
// so all that is done to activations, weights and KV is an op.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "base/view.h"
#include "quant/format.h"

namespace yoke::ops {

/// Positions in a page of the KV cache. Attention merges its softmax page by page, in order, so results do
/// not depend on how a sequence was cut into steps.
inline constexpr int page_positions = 64;

/// The most pages that so many consecutive positions, at least one, lie in wherever they begin.
constexpr std::int64_t pages_touched(std::int64_t positions) {
  return (positions + page_positions - 2) / page_positions + 1;
}

/// (tokens, width) values of the current step on this rank. Lives until the layer ends (see Ops::carry_over);
/// width may be 0 where a rank owns nothing of a split dimension.
struct Activations {
  void* handle = nullptr;
  std::int64_t tokens = 0;
  std::int64_t width = 0;
};

/// A normalised x, which only matmuls (and what contains them) can read: a backend may compute it in the
/// first of them, until when x is not to change.
struct Normed {
  Activations value;
  void* prepared = nullptr;  // what the backend makes of it for matmuls; lives as long
};

/// One rank's addend of a sum over ranks. Nothing but Ops::all_reduce turns it into activations, and it does
/// so once: a forgotten reduction does not compile, and neither does a second one.
class Partial {
 public:
  Partial(Partial&&) = default;
  Partial& operator=(Partial&&) = default;

 private:
  friend class Ops;
  explicit Partial(Activations addend) : addend_(addend) {}
  Activations addend_;
};

/// A backend's own storage of something loaded.
class Storage {
 public:
  virtual ~Storage() = default;
};

/// A matrix of which this rank holds some output rows (or all): y = W·x has `rows` values here.
struct RowMatrix {
  std::unique_ptr<Storage> storage;
  std::int64_t rows = 0;
  std::int64_t cols = 0;
};

/// A matrix of which this rank holds some input columns: its product is a Partial.
struct ColMatrix {
  std::unique_ptr<Storage> storage;
  std::int64_t rows = 0;
  std::int64_t cols = 0;
};

/// The same matrix of every expert of a layer, each with the output rows (RowExperts) or the input columns
/// (ColExperts) that this rank owns of it; ranks own other ranges of each.
struct RowExperts {
  std::unique_ptr<Storage> storage;
  std::int64_t experts = 0;
};
struct ColExperts {
  std::unique_ptr<Storage> storage;
  std::int64_t experts = 0;
};

/// A small matrix of each query head of this rank, all of one shape.
struct HeadMatrices {
  std::unique_ptr<Storage> storage;
  std::int64_t heads = 0;
  std::int64_t rows = 0;
  std::int64_t cols = 0;
};

/// A vector of F32: a norm's weight, or a bias. Absent (an optional tensor the file does not have) tests
/// false.
struct Vector {
  std::unique_ptr<Storage> storage;
  std::int64_t size = 0;
  explicit operator bool() const { return storage != nullptr; }
};

/// The whole token embedding, read by row.
struct Embedding {
  std::unique_ptr<Storage> storage;
  std::int64_t rows = 0;
  std::int64_t cols = 0;
};

/// Where a backend gets a tensor's bytes from.
class RowSource {
 public:
  virtual ~RowSource() = default;
  /// Fills `to`, which holds whole rows, with those from `first` on, one after the other. Any thread of the
  /// backend, several at a time. Throws Error where they cannot be read.
  virtual void read(std::int64_t first, std::span<std::byte> to) const = 0;
  /// The calling thread is going to read so many rows from `first` on, from front to back.
  virtual void expect(std::int64_t /*first*/, std::int64_t /*rows*/) const {}

  // A backend's own layout of all the rows together may be kept from one start to the next. The thread that
  // loads, outside of parallel regions.
  /// Fills `to` with what was kept of these rows by an earlier start. False where nothing of that size is
  /// kept that can be trusted: `to` is to be made then.
  virtual bool read_packed(std::span<std::byte> /*to*/) const { return false; }
  /// Offers what read_packed() did not have. It stays as it is until all is loaded.
  virtual void keep_packed(std::span<const std::byte> /*packed*/) const {}
};

/// This rank's part of a tensor in the format of the file, to be read row by row: straight into place, or
/// into a small buffer from which a backend packs its own layout. Its columns are [first_col, first_col +
/// cols) of the tensor's row; both are multiples of the smaller of the format's block and 64. What is read of
/// a row are all blocks that they touch, so the first and the last may have columns of other ranks too. Only
/// the columns of a ColMatrix are so cut.
struct Slice {
  quant::Type type{};
  std::int64_t rows = 0;
  std::int64_t first_col = 0;
  std::int64_t cols = 0;
  const RowSource* source = nullptr;  // outlives the loading; null where only sizes are asked for

  /// Columns of other ranks that the first block begins with, and that the last one ends with.
  std::int64_t cols_before() const;
  std::int64_t cols_after() const;
  /// Of all blocks that the columns touch.
  std::size_t row_bytes() const;
  std::uint64_t bytes() const;
};

/// How the rotary embedding pairs dimensions: (2i, 2i+1), or (i, i + dims/2).
enum class RopeStyle : std::uint8_t { interleaved, neox };

struct RopeSpec {
  RopeStyle style = RopeStyle::interleaved;
  /// Radians per position, one per pair; dimensions past 2 × pairs are left alone.
  std::vector<double> frequencies;
  float magnitude = 1;  // factor on sine and cosine (YaRN)
  bool at_end = false;  // whether the pairs are a head's last dimensions, not its first
};

struct Rope {
  std::unique_ptr<Storage> storage;
};

/// The query heads of a rank and the KV heads they read. Query head i of this rank is head first_head + i of
/// the model and reads KV head (first_head + i) / group, of which this rank's first is first_kv_head.
struct Heads {
  std::int64_t n_heads = 0;
  std::int64_t n_kv_heads = 0;
  std::int64_t first_head = 0;
  std::int64_t first_kv_head = 0;
  std::int64_t group = 1;  // query heads per KV head in the model
  std::int64_t k_dim = 0;  // values of a query or key head
  std::int64_t v_dim = 0;  // values of a value head
  /// Whether a value is the first v_dim values of its key: keys alone are kept then.
  bool keys_hold_values = false;
};

/// A factor that grows with a token's position p: 1 + slope · ln(1 + ⌊(p + offset) / length⌋). After
/// Nakanishi, https://arxiv.org/abs/2501.19399.
struct PositionScale {
  double slope = 0;  // 0: the factor is 1 everywhere
  std::int64_t length = 1;
  std::int64_t offset = 0;
};

/// What a layer's attention is, besides its heads.
struct AttendSpec {
  float scale = 1;          // multiplies q·k
  float score_cap = 0;      // bounds scores by cap · tanh(score / cap); 0: not
  std::int64_t window = 0;  // positions that a token sees, itself included; 0: all so far
  /// Whether positions are cut into chunks as long as the window, of which a token sees its own: the window
  /// then is the most that a token sees.
  bool chunked = false;
  Vector sinks;  // (n_heads) of this rank; each adds e^sink to its head's sum of weights, and no value
};

/// What the caches of a model are to hold.
struct CacheSize {
  std::int64_t pages = 0;          // of what keeps every position, for all sequences together
  std::int64_t slots = 0;          // the most sequences that run at once
  std::int64_t step_tokens = 0;    // the most tokens of a step
  std::int64_t window_pages = 0;   // of what keeps a window only, for all together; 0: nothing does
  std::int64_t checkpoints = 0;    // states kept beside those of slots; 0 where no layer is recurrent
  std::int64_t context_pages = 0;  // the most pages of one sequence; 0: all there are

  /// Of recurrent layers: those of the slots, then checkpoints.
  std::int64_t states() const { return slots + checkpoints; }
  std::int64_t pages_of_sequence() const { return context_pages == 0 ? pages : context_pages; }
};

/// Latent attention: keys and values of a head are products of a latent with matrices of the head, and of one
/// rotated key that all heads share. In the expanded form, keys and values of all heads are made; in the
/// absorbed one, the matrices are applied to queries and to what attention gives, and latents are attended
/// to. Each adds in its own order: between the two, bits differ. Which a token takes, the step says.
struct LatentSpec {
  const HeadMatrices& k_b;  // (rank, k_dim − rotated): the transpose of what makes keys
  const HeadMatrices& v_b;  // (v_dim, rank)
  float scale = 1;          // multiplies q·k
};

/// One layer's keys and values on this rank, in pages.
struct KvCache {
  std::unique_ptr<Storage> storage;
};

/// The heads of a gated delta rule on this rank: `group` value heads share the query and the key of one key
/// head.
struct DeltaHeads {
  std::int64_t n_k_heads = 0;
  std::int64_t group = 1;
  std::int64_t k_dim = 0;  // values of a query or a key
  std::int64_t v_dim = 0;

  std::int64_t n_v_heads() const { return n_k_heads * group; }
  /// Values of a token's queries, keys and values.
  std::int64_t channels() const { return n_k_heads * (2 * k_dim + group * v_dim); }
};

/// One layer's short convolution: its weights, and in every state the inputs of a sequence's last tokens.
struct Convolution {
  std::unique_ptr<Storage> storage;
};

/// One layer's states of the gated delta rule: in each a matrix (k_dim, v_dim) for every value head.
struct DeltaState {
  std::unique_ptr<Storage> storage;
};

/// Where consecutive pages of a sequence lie, from its page `first` on.
struct WindowTable {
  std::int32_t first = 0;
  std::span<const std::int32_t> pages;
};

/// A checkpoint: what recurrent layers know of a sequence at one of its positions is kept as a state of its
/// own.
struct Checkpoint {
  std::int32_t sequence = 0;  // index into page_tables
  std::int32_t position = 0;  // taken after the token before this one, which is a token of the step
  std::int32_t state = 0;     // its number; nothing else of the step reads or writes that
};

/// What changes from step to step. The spans live until the step ends.
struct Step {
  std::span<const std::int32_t> tokens;     // ids
  std::span<const std::int32_t> positions;  // of each token in its sequence
  std::span<const std::int32_t> sequences;  // of each token: index into page_tables
  std::span<const std::int32_t> wanted;     // the tokens whose logits are asked for, ascending
  /// Page numbers of each sequence, by position / page_positions.
  std::vector<std::span<const std::int32_t>> page_tables;
  /// Of each sequence, for layers that keep a window: pages from the first position that its first token of
  /// the step sees to its last token. Empty where the caches have no such pages.
  std::vector<WindowTable> window_tables{};
  /// Of each sequence: the number under which is kept what a layer knows of it besides pages, the same in all
  /// of its steps. No other sequence that runs has it.
  std::span<const std::int32_t> slots{};
  /// Of each sequence: its tokens at positions below this take the expanded form of latent attention. Empty:
  /// none does.
  std::span<const std::int32_t> expanded{};
  /// Of each sequence: the state that recurrent layers go on from, its slot's or a checkpoint. Empty: its
  /// slot's. (At position 0 they go on from nothing.)
  std::span<const std::int32_t> resumed{};
  /// Those of one sequence in the order of their positions.
  std::span<const Checkpoint> checkpoints{};
};

/// A product of a row-split matrix, and where its result goes.
struct Linear {
  const RowMatrix& w;
  const Vector& bias;
  Activations* out;
};

/// Values of every token that ranks hold parts of, to be normalised together. A rank counts the `counted`
/// columns from `first_counted` on: those that several ranks hold are counted by one.
struct SplitNorm {
  Activations x;
  const Vector& weight;  // as wide as x
  std::int64_t first_counted = 0;
  std::int64_t counted = 0;
  std::int64_t width = 0;  // counted by all ranks together
};

/// What the gated delta rule is given of the step's tokens.
struct DeltaInputs {
  Activations qkv;           // (tokens, channels): queries of all key heads, then keys, then values
  Activations scores;        // (tokens, 2 · n_v_heads): of each key head b of its value heads, then a
  const Vector& score_bias;  // (n_v_heads), of a
  const Vector& rate;        // (n_v_heads), below 0
  float epsilon = 0;         // of the keys' and queries' lengths
};

/// How a gated unit makes one value of two; kernels::Kernels has the formulas.
enum class Gate : std::uint8_t { silu, sigmoid, gelu, clamped_swiglu };

/// How a token's scores choose its experts. Shazeer et al., https://arxiv.org/abs/1701.06538.
struct RouteSpec {
  /// What is compared, and what an expert's output is weighted with: the softmax over all scores, the sigmoid
  /// of each, or the scores themselves, whose softmax over those chosen, or whose sigmoid, is taken
  /// afterwards. SparseMixer (Liu et al., https://arxiv.org/abs/2409.12136, as Phi-3.5-MoE does it) compares
  /// the scores themselves, and weighs an expert by the softmax over those that were left when it was chosen
  /// and that fall behind it by no more than `tolerance` of the larger magnitude of the two.
  enum class Probability : std::uint8_t {
    softmax,
    sigmoid,
    softmax_of_chosen,
    sigmoid_of_chosen,
    sparse_mixer
  };
  Probability probability = Probability::softmax;
  std::int64_t used = 1;    // experts of a token
  bool normalised = false;  // whether the weights of those chosen are divided by their sum
  float scale = 1;          // multiplies the weights in the end
  float tolerance = 0;      // of SparseMixer
  // Experts stand in `groups` of equal size. Only the best `groups_used` of them are chosen from; the sum of
  // its best experts, so many as `group_deciders`, says how good a group is. DeepSeek-AI,
  // https://arxiv.org/abs/2412.19437, section 2.1.2.
  std::int64_t groups = 1;
  std::int64_t groups_used = 1;
  std::int64_t group_deciders = 2;
};

/// The experts that each token of the step goes to, and their weights. Lives until the layer ends.
struct Routing {
  void* handle = nullptr;
};

/// The experts of a layer: expert e makes down[e] · gate(gate[e]·x + gate_bias[e], up[e]·x + up_bias[e]).
struct ExpertUnits {
  const RowExperts& gate;   // (ffn, dim) each
  const Vector& gate_bias;  // one after the other, of this rank's rows; may be absent
  const RowExperts& up;     // (ffn, dim) each
  const Vector& up_bias;    // as gate_bias
  const ColExperts& down;   // (dim, ffn) each
  Gate kind = Gate::silu;
  bool weighs_inputs = false;  // whether a weight multiplies what its expert reads, not what it makes
};

class Ops {
 public:
  virtual ~Ops() = default;

  /// Whether matrices of this format can be multiplied, and tables or vectors of it read.
  virtual bool can_multiply(quant::Type type) const = 0;
  virtual bool can_decode(quant::Type type) const = 0;
  /// Bytes that load_rows or load_cols takes.
  virtual std::uint64_t matrix_bytes(const Slice& slice) const = 0;
  /// Bytes that make_kv_cache takes; the largest number there is where they do not fit in 64 bits.
  virtual std::uint64_t kv_cache_bytes(const Heads& heads, const CacheSize& size,
                                       std::int64_t window) const = 0;
  /// The most bytes that attend needs besides its result.
  virtual std::uint64_t attend_bytes(const Heads& heads, const CacheSize& size,
                                     std::int64_t window) const = 0;
  /// The same of attend_latents, where tokens may take the expanded form or never do; queries of a head have
  /// k_dim values and its result v_dim.
  virtual std::uint64_t attend_latents_bytes(const Heads& latents, std::int64_t k_dim, std::int64_t v_dim,
                                             const CacheSize& size, bool expands) const = 0;
  /// Bytes that make_convolution, for the channels of `heads`, and make_delta_state take for so many states.
  virtual std::uint64_t delta_bytes(const DeltaHeads& heads, std::int64_t taps,
                                    std::int64_t states) const = 0;
  /// Bytes that the backend holds for activations now; it keeps what the largest step needed.
  virtual std::uint64_t activation_bytes() const = 0;

  // Loading: weights enter through these, each into the backend's own layout. The format is one it can work
  // with.
  virtual RowMatrix load_rows(const Slice& slice) = 0;
  virtual ColMatrix load_cols(const Slice& slice) = 0;
  /// A slice of each expert; where a rank owns nothing of one, that slice has no rows (columns).
  virtual RowExperts load_row_experts(std::span<const Slice> slices) = 0;
  virtual ColExperts load_col_experts(std::span<const Slice> slices) = 0;
  /// A slice of each head, (rows, cols); none where this rank has no heads.
  virtual HeadMatrices load_heads(std::span<const Slice> slices, std::int64_t rows, std::int64_t cols) = 0;
  virtual Vector load_vector(const Slice& slice) = 0;
  virtual Embedding load_embedding(const Slice& slice) = 0;
  virtual Rope make_rope(const RopeSpec& spec) = 0;
  /// `window`: no token will see more than so many positions, its own and those just before; 0: all so far.
  virtual KvCache make_kv_cache(const Heads& heads, const CacheSize& size, std::int64_t window) = 0;

  /// `weights`: (channels, taps), the last for the token itself.
  virtual Convolution make_convolution(Vector weights, std::int64_t taps, std::int64_t states) = 0;
  virtual DeltaState make_delta_state(const DeltaHeads& heads, std::int64_t states) = 0;

  /// Starts a step; every handle of the step before dies.
  virtual void begin_step(const Step& step) = 0;
  /// Ends a layer: x survives, every other handle of the layer dies.
  virtual Activations carry_over(Activations x) = 0;

  /// Rows of the embedding for the step's tokens: (tokens, dim).
  virtual Activations embed(const Embedding& table) = 0;
  /// Rows of `table` for the positions of the step's tokens, all of which it has: (tokens, dim).
  virtual Activations embed_positions(const Embedding& table) = 0;
  /// x / sqrt(mean(x²) + epsilon) · weight.
  virtual Normed rms_norm(Activations x, const Vector& weight, float epsilon) = 0;
  /// (x − mean) / sqrt(variance + epsilon) · weight + bias; the bias may be absent. Ba et al.,
  /// https://arxiv.org/abs/1607.06450.
  virtual Normed layer_norm(Activations x, const Vector& weight, const Vector& bias, float epsilon) = 0;
  /// rms_norm for each head of x, which is as wide as the weight; consumes x.
  virtual Activations rms_norm_heads(Activations x, const Vector& weight, float epsilon) = 0;
  /// The same without a weight, of heads that are `head_dim` wide.
  virtual Activations rms_norm_heads(Activations x, std::int64_t head_dim, float epsilon) = 0;
  /// rms_norm for the first values of each token, as many as the weight has, where they are; consumes x.
  virtual Activations rms_norm_first(Activations x, const Vector& weight, float epsilon) = 0;
  /// x itself for matmuls. It is not to change before the last of them.
  virtual Normed unnormed(Activations x) = 0;
  /// rms_norm where x is split over ranks, of each of `norms`, with one sum over ranks for all of them.
  /// Changes each x in place.
  virtual void rms_norm_split(std::span<const SplitNorm> norms, float epsilon) = 0;
  /// layer_norm without a bias for each head of x, `head_dim` wide, with a weight for each value of x;
  /// consumes x.
  virtual Activations layer_norm_heads(Activations x, const Vector& weight, std::int64_t head_dim,
                                       float epsilon) = 0;
  /// For each product (tokens, w.rows), plus the bias where there is one. What reads the same x is best asked
  /// for at once.
  virtual void matmul(std::span<const Linear> products, const Normed& x) = 0;
  Activations matmul(const RowMatrix& w, const Normed& x, const Vector& bias) {
    Activations out;
    const Linear product{w, bias, &out};
    matmul({&product, 1}, x);
    return out;
  }
  /// What the gate makes of gate·x + gate_bias and up·x + up_bias: (tokens, gate.rows).
  virtual Activations gated(Gate kind, const RowMatrix& gate, const Vector& gate_bias, const RowMatrix& up,
                            const Vector& up_bias, const Normed& x) = 0;
  /// Chooses by scores, (tokens, experts). `selection_bias` (experts), which may be absent, is added for the
  /// choice only. Of equals the first is chosen.
  virtual Routing route(Activations scores, const RouteSpec& spec, const Vector& selection_bias) = 0;
  /// This rank's addend of what the chosen experts make of x, each weighted, added up in the experts' order.
  Partial experts(const ExpertUnits& units, const Normed& x, const Routing& routing) {
    return Partial(partial_experts(units, x, routing));
  }
  /// x + Σ weight · biases[expert] over each token's experts; `biases` has x.width values for each expert and
  /// may be absent. Consumes x.
  virtual Activations add_expert_bias(Activations x, const Vector& biases, const Routing& routing) = 0;
  /// Rotates each head of x by its token's position; consumes x.
  virtual Activations rope(const Rope& rope, Activations x, std::int64_t head_dim) = 0;
  /// Stores k and v at the step's positions, then causal attention of q over all positions of each token's
  /// sequence that the spec lets it see: (tokens, n_heads · v_dim). Where keys hold values, v is not
  /// looked at; the one KV head's k may then come to a rank without heads, too, which keeps none.
  virtual Activations attend(const Heads& heads, KvCache& cache, Activations q, Activations k, Activations v,
                             const AttendSpec& spec) = 0;
  /// Stores latents with their rotated keys, (tokens, rank + rotated), at the step's positions, then causal
  /// attention of q, (tokens, n_heads · k_dim), whose heads end in what is rotated: (tokens, n_heads ·
  /// v_dim). `heads` are as the cache keeps them: keys of rank + rotated that hold values of rank.
  virtual Activations attend_latents(const Heads& heads, KvCache& cache, Activations q, Activations latents,
                                     const LatentSpec& spec) = 0;
  /// silu of the weighted sum of each channel's values of the last tokens of a sequence, as many as there are
  /// taps; before position 0 there are zeros. Remembers x for the sequences' next steps.
  virtual Activations convolve(Convolution& convolution, Activations x) = 0;
  /// The gated delta rule, on each value head's state S of the sequence, which is 0 before position 0:
  /// S = α·S, S += k ⊗ β·(v − Sᵀk), and Sᵀq / √k_dim comes out: (tokens, n_v_heads · v_dim). Queries and keys
  /// are first divided by √(sum of squares + epsilon); α = e^(rate · softplus(a + score_bias)), β = σ(b).
  /// Consumes qkv. Yang et al., https://arxiv.org/abs/2412.06464.
  virtual Activations delta_rule(const DeltaHeads& heads, DeltaState& state, const DeltaInputs& x) = 0;
  /// x + y; consumes x.
  virtual Activations add(Activations x, Activations y) = 0;
  /// Each token's x times the factor of its position; consumes x.
  virtual Activations scale_by_position(Activations x, const PositionScale& by) = 0;
  /// x · factor, and cap · tanh(x / cap); consume x.
  virtual Activations scale(Activations x, float factor) = 0;
  virtual Activations soft_cap(Activations x, float cap) = 0;
  /// What the gate makes of two; consumes both.
  virtual Activations gated(Gate kind, Activations gate, Activations up) = 0;
  /// GELU in its tanh form, as in Gate::gelu, of each value; consumes x. Hendrycks and Gimpel,
  /// https://arxiv.org/abs/1606.08415.
  virtual Activations gelu(Activations x) = 0;
  /// Each token's x times the sigmoid of its score, (tokens, 1); consumes x.
  virtual Activations scale_by_sigmoid(Activations x, Activations score) = 0;
  /// Values of host memory, (rows, width).
  virtual Activations write(MatrixView<const float> values) = 0;
  /// Of each token x, and y behind it: (tokens, x.width + y.width).
  virtual Activations concat(Activations x, Activations y) = 0;
  /// Values [first, first + n) of every token: (tokens, n).
  virtual Activations columns(Activations x, std::int64_t first, std::int64_t n) = 0;
  /// x + bias on every token, x itself where there is none; consumes x.
  virtual Activations add_bias(Activations x, const Vector& bias) = 0;
  /// The tokens whose logits are wanted.
  virtual Activations wanted(Activations x) = 0;
  /// Tokens [first, first + n) of x, where they are.
  virtual Activations rows(Activations x, std::int64_t first, std::int64_t n) = 0;

  /// This rank's addend of W·x.
  Partial matmul(const ColMatrix& w, Activations x) { return Partial(partial_matmul(w, x)); }
  /// One addend of two.
  Partial add(Partial&& x, Partial&& y) { return Partial(add(x.addend_, y.addend_)); }
  /// The sum over ranks, the same bits on each.
  Activations all_reduce(Partial&& partial) { return reduce(partial.addend_); }
  /// The sum over ranks of W·x; a backend may send some of it while it computes the rest.
  Activations all_reduce(const ColMatrix& w, Activations x) { return reduce_product(w, x); }
  /// Whether products of one token are sent in two parts, so that the first is on its way while the second is
  /// computed. The same on every rank; changes no bit.
  virtual void set_sends_parts(bool sends_parts) = 0;
  /// Called in all_reduce() once the sum is on its way, before it is waited for: somebody else may compute
  /// meanwhile, on another backend. Empty: nobody.
  virtual void set_meanwhile(std::function<void()> meanwhile) = 0;
  /// This rank's values in host memory, (tokens, width), the caller's to change; they live as long as x. A
  /// synchronisation point.
  virtual MatrixView<float> read(Activations x) = 0;

 protected:
  virtual Activations partial_matmul(const ColMatrix& w, Activations x) = 0;
  virtual Activations partial_experts(const ExpertUnits& units, const Normed& x, const Routing& routing) = 0;
  virtual Activations reduce(Activations addend) = 0;
  virtual Activations reduce_product(const ColMatrix& w, Activations x) = 0;
};

}  // namespace yoke::ops
