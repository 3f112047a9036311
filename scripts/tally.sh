# Sourced: runs groups of tests and adds up what they report, so that a run ends with one line of counts.
# shellcheck shell=bash

export NO_COLOR=1 CARGO_TERM_COLOR=never
passed=0 failed=0 summary=""

# group NAME FORMAT COMMAND…: runs COMMAND, whose output ends in counts of FORMAT.
# A crash counts as a failure even when every count is good; so does a group that counts nothing.
group() {
  local name=$1 format=$2 log status=0 good bad
  shift 2
  log=$(mktemp)
  echo "=== $name"
  "$@" </dev/null 2>&1 | tee "$log" || status=${PIPESTATUS[0]}
  read -r good bad < <("counts_of_$format" "$log" "$status")
  if ((bad == 0 && (status != 0 || good == 0))); then bad=1; fi
  record "$name" "$good" "$bad"
  if declare -F "skips_of_$format" >/dev/null; then
    local what why
    while IFS=$'\t' read -r what why; do missing "$name: $what" "$why"; done < <("skips_of_$format" "$log")
  fi
  rm -f "$log"
}

# step NAME COMMAND…: a check that either holds or does not.
step() {
  group "$1" step "${@:2}"
}

# missing NAME REASON: a group that cannot run here. People may go without; the gate may not.
missing() {
  if [[ ${CI:-} ]]; then record "$1 (cannot run: $2)" 0 1; else record "$1 (skipped: $2)" 0 0; fi
}

record() {
  passed=$((passed + $2)) failed=$((failed + $3))
  summary+=$(printf '  %-48s %5d passed, %d failed' "$1" "$2" "$3")$'\n'
}

# The last words of a script: its summary, the line of counts, and the exit code.
finish() {
  printf '\n%s%d passed, %d failed\n' "$summary" "$passed" "$failed"
  ((failed == 0))
}

# Each prints "PASSED FAILED" from the log ($1); the exit code is $2.
counts_of_step() { if (($2 == 0)); then echo 1 0; else echo 0 1; fi; }

# "Summary [ 1.2s] 9 tests run: 7 passed (1 slow), 1 failed, 1 timed out, 2 skipped"
counts_of_nextest() {
  awk '/^ *Summary \[/ { good = bad = 0; sub(/.*run: /, ""); n = split($0, part, ", ")
         for (i = 1; i <= n; i++) { split(part[i], word, " ")
           if (word[2] == "passed") good += word[1]; else if (word[2] != "skipped") bad += word[1] } }
       END { print good + 0, bad + 0 }' "$1"
}

# One "test result: ok. 7 passed; 1 failed; …" for each test binary
counts_of_cargo() {
  awk '/^test result: / { for (i = 2; i <= NF; i++) { if ($i == "passed;") good += $(i - 1); if ($i == "failed;") bad += $(i - 1) } }
       END { print good + 0, bad + 0 }' "$1"
}

# node --test, once for each process: "ℹ pass 7", "ℹ fail 1", "ℹ cancelled 0"
counts_of_node() {
  awk 'NF == 3 && $2 == "pass" { good += $3 } NF == 3 && ($2 == "fail" || $2 == "cancelled") { bad += $3 }
       END { print good + 0, bad + 0 }' "$1"
}

# What was left out, and why: "﹣ name (0.5ms) # reason"
skips_of_node() { sed -nE 's/^ *﹣ (.*) \([0-9.]+ms\) # (.*)$/\1\t\2/p' "$1"; }

# Playwright: "  7 passed (12s)", "  1 failed", "  1 flaky", "  1 did not run"
counts_of_playwright() {
  awk '/^ +[0-9]+ (passed|failed|flaky|interrupted|did not run)/ { if ($2 == "passed") good += $1; else bad += $1 }
       END { print good + 0, bad + 0 }' "$1"
}

# Our own last line
counts_of_tally() {
  awk '/^[0-9]+ passed, [0-9]+ failed$/ { good = $1; bad = $3 } END { print good + 0, bad + 0 }' "$1"
}
