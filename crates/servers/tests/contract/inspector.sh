#!/usr/bin/env bash
# Drives a Chimera server with the command line client of the official MCP Inspector, over stdio: list, read, call.
#
#   inspector.sh feeds SERVER_COMMAND [ARGUMENT...]    the server must have at least one feed that can be read
#   inspector.sh studio SERVER_COMMAND [ARGUMENT...]
#
# For example `inspector.sh feeds target/debug/chimera mcp feeds --feed FILE_OR_URL`.
#
# Needs node 20 or newer, npm and jq. The client is installed once, at the version pinned below, into
# $CHIMERA_CONTRACT_DIR (default: $XDG_CACHE_HOME or ~/.cache, then chimera/contract).
# Exit code 0 when every check holds; otherwise 1, and the last line says which did not.
set -euo pipefail

INSPECTOR_VERSION=1.0.3
CALL_SECONDS_MAX=120

fail() { echo "FAILED: $*" >&2; exit 1; }
passed() { echo "ok: $*"; }

kind=${1:-}
[[ $kind == feeds || $kind == studio ]] && (($# >= 2)) || { sed -n '2,12s/^# \{0,1\}//p' "$0" >&2; exit 2; }
shift
for tool in node npm jq timeout; do
  command -v "$tool" >/dev/null || fail "$tool is not installed; install it and run this again"
done
program=$(type -P -- "$1") || fail "no program $1; build it first"
server=("$(realpath -- "$program")" "${@:2}")

dir=${CHIMERA_CONTRACT_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/chimera/contract}/inspector-$INSPECTOR_VERSION
if [[ ! -f $dir/ready ]]; then
  mkdir -p "$dir"
  npm install --prefix "$dir" --no-audit --no-fund --loglevel=error "@modelcontextprotocol/inspector-cli@$INSPECTOR_VERSION" >&2 ||
    fail "the inspector could not be installed; is there a network?"
  touch "$dir/ready"
fi
# The client looks for its own package.json relative to the working directory.
cd "$dir/node_modules/@modelcontextprotocol/inspector-cli/build"
errors=$(mktemp)
trap 'rm -f "$errors"' EXIT

# Runs one method and prints the answer as JSON. The client starts the server anew each time.
ask() { timeout "$CALL_SECONDS_MAX" node cli.js --cli "${server[@]}" --method "$@" 2>"$errors"; }
# As `ask`, where an answer is expected.
answer() { ask "$@" || fail "$* gave no answer: $(grep -v '^$' "$errors" | tail -n 3 | tr '\n' ' ')"; }
# Checks JSON on standard input with a jq condition.
holds() { local what=$1; shift; jq -e "$@" >/dev/null || fail "$what"; passed "$what"; }

tools=$(answer tools/list)

check_feeds() {
  holds "the tools are listed" '[.tools[].name] | contains(["list_feeds", "read_feed"])' <<<"$tools"
  holds "each tool has a schema for what it takes and gives" 'all(.tools[]; .inputSchema.type == "object" and .outputSchema.type == "object")' <<<"$tools"
  local resources uri resource document called
  resources=$(answer resources/list)
  holds "feeds are listed as JSON resources" '.resources | length > 0 and all(.[]; (.uri | startswith("feed://")) and .mimeType == "application/json")' <<<"$resources"
  uri=$(jq -r '.resources[0].uri' <<<"$resources")
  resource=$(answer resources/read --uri "$uri")
  holds "$uri can be read" --arg uri "$uri" '.contents | length == 1 and .[0].uri == $uri and .[0].mimeType == "application/json"' <<<"$resource"
  document=$(jq -r '.contents[0].text' <<<"$resource")
  holds "$uri is a feed document with items" '(.items | length > 0) and all(.items[]; (.id | length > 0) and (.title | length > 0)) and has("source") and has("fetched_at")' <<<"$document"
  called=$(answer tools/call --tool-name read_feed --tool-arg "name=$uri" limit=1)
  holds "read_feed gives the same first item" --argjson read "$document" '.isError != true and .structuredContent.items == $read.items[:1]' <<<"$called"
  called=$(answer tools/call --tool-name read_feed --tool-arg "name=no such feed")
  holds "read_feed refuses an unknown feed and names the known ones" --arg uri "$uri" '.isError == true and (.content[0].text | contains($uri))' <<<"$called"
  if ask resources/read --uri feed://no-such-feed >/dev/null; then fail "an unknown resource was read"; fi
  grep -q 'no feed is called' "$errors" || fail "an unknown resource is not refused in words: $(tail -n 2 "$errors")"
  passed "an unknown resource is refused"
}

check_studio() {
  holds "the tools are listed" '[.tools[].name] | contains(["generate_image", "generate_text", "generate_video"])' <<<"$tools"
  holds "every tool wants a character_reference_id" 'all(.tools[]; .inputSchema.required | index("character_reference_id"))' <<<"$tools"
  local called
  called=$(answer tools/call --tool-name generate_image --tool-arg character_reference_id=contract headline="Contract test" seed=7)
  holds "generate_image gives a PNG" '.isError != true and ([.content[] | select(.type == "image")][0] | .mimeType == "image/png" and (.data | startswith("iVBORw0KGgo")))' <<<"$called"
  holds "generate_image says what it made" '.structuredContent | .mime == "image/png" and .width >= 1080 and (.sha256 | length == 64)' <<<"$called"
  called=$(ask tools/call --tool-name generate_image --tool-arg headline="Contract test" || true)
  if [[ -n $called ]]; then
    holds "a call without character_reference_id is refused" '.isError == true' <<<"$called"
  else
    grep -qi 'character_reference_id' "$errors" || fail "a call without character_reference_id fails without naming it: $(tail -n 2 "$errors")"
    passed "a call without character_reference_id is refused"
  fi
}

"check_$kind"
