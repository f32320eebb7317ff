#!/bin/bash
# Installs what is missing to build, test and demonstrate vipd, and only that: Debian packages, npm packages, the
# native addon, the compiled TypeScript. Silent and quick when everything is there. Starts no service, and enables
# none that it installed; what stays on the host are those packages. Refuses to download a Node.js: says how to get one.
#   usage: tools/setup.sh [demo|test]      (test, the default, adds what only the tests and the bench need)
set -euo pipefail
cd "$(dirname "$0")/.."
WHAT=${1:-test}

say() { echo "setup: $*"; }
die() { echo "setup: $*" >&2; exit 1; }
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

[ "$(uname -s)" = Linux ] || die "vipd runs on Linux only."
if ! command -v node >/dev/null || [ "$(node -p 'parseInt(process.versions.node)')" -lt 20 ]; then
  die "Node.js 20 or newer is needed, found: $(node --version 2>/dev/null || echo none).
  Debian 12 ships Node 18. Unpack an archive of the Node.js project below /usr/local, for example."
fi
command -v npm >/dev/null || die "npm is needed; it comes with Node.js (Debian: apt-get install npm)."

PACKAGES="gcc libc6-dev libuv1-dev iproute2 ipvsadm procps kmod tcpdump curl openssl"
# The test VM; not needed where the running kernel has IPVS, but the tests use it everywhere.
PACKAGES="$PACKAGES qemu-system-x86 linux-image-cloud-amd64 busybox-static zstd cpio"
[ "$WHAT" = demo ] || PACKAGES="$PACKAGES gcc-aarch64-linux-gnu libc6-dev-arm64-cross keepalived frr nftables tshark iputils-ping rt-tests"
# Real servers for the checkers' tests, which start their own with folders of their own.
[ "$WHAT" = demo ] || PACKAGES="$PACKAGES dnsmasq-base redis-server dovecot-pop3d dovecot-imapd nginx-light exim4-daemon-light ldirectord vsftpd"

# Nothing that a package installs may start here: a keepalived or frr of its own would disturb this host.
POLICY=/usr/sbin/policy-rc.d
MARK="# Put here by vipd's tools/setup.sh while it installs packages."

# What a run that was killed has left: the host's own policy comes back, or none.
restore_policy() {
  grep -qxF "$MARK" $POLICY 2>/dev/null || { [ ! -e $POLICY ] && [ -e $POLICY.before-vipd-setup ]; } || return 0
  say "removing the $POLICY of a run that was killed"
  as_root sh -c "if [ -e $POLICY.before-vipd-setup ]; then mv $POLICY.before-vipd-setup $POLICY; else rm -f $POLICY; fi"
}

install_packages() {
  local missing=() package
  for package in $PACKAGES; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
  done
  [ ${#missing[@]} = 0 ] && return
  command -v apt-get >/dev/null || die "these Debian packages are needed, and there is no apt-get: ${missing[*]}"
  say "installing Debian packages: ${missing[*]}"
  as_root env POLICY="$POLICY" MARK="$MARK" sh -c '
    saved=$POLICY.before-vipd-setup log=$(mktemp)
    [ -e $POLICY ] && mv $POLICY $saved
    printf "#!/bin/sh\n%s\nexit 101\n" "$MARK" >$POLICY; chmod +x $POLICY
    restore() { rm -f $POLICY $log; [ -e $saved ] && mv $saved $POLICY; true; }
    trap restore EXIT; trap "exit 130" INT TERM
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq && apt-get install -y -qq --no-install-recommends "$@" >$log 2>&1 ||
      { tail -5 $log >&2; exit 1; }
  ' sh "${missing[@]}" || die "apt-get could not install: ${missing[*]}"
  local pair
  for pair in keepalived:keepalived frr:frr redis-server:redis-server dovecot-pop3d:dovecot \
    nginx-light:nginx exim4-daemon-light:exim4 ldirectord:ldirectord vsftpd:vsftpd; do
    [[ " ${missing[*]} " != *" ${pair%:*} "* ]] || as_root systemctl disable --quiet "${pair#*:}" 2>/dev/null || true
  done
}

install_modules() {
  # npm writes this file last, so it is newer than the lock exactly when an install has succeeded since.
  [ node_modules/.package-lock.json -nt package-lock.json ] && return
  say "installing npm packages"
  # Not "npm ci": it refuses a lock file without the optional packages of platforms that vipd does not run on.
  npm install --no-save --no-audit --no-fund --loglevel=error || die "npm install failed"
  touch node_modules/.package-lock.json
}

build() {
  if [ "$WHAT" = demo ]; then node tools/build-native.mjs; else node tools/build-native.mjs --all; fi
  # tsc -b looks at every file even when nothing changed; find is quicker.
  if [ -z "$(find build -name 'test.tsbuildinfo' 2>/dev/null)" ] ||
    [ -n "$(find src test bench demo tools tsconfig*.json -name '*.ts*' -newer build/test.tsbuildinfo -print -quit 2>/dev/null)" ]; then
    say "compiling TypeScript"
    npx --no-install tsc -b || die "the TypeScript does not compile"
  fi
  if [ ! build/bundle/main.cjs -nt build/shell.tsbuildinfo ] || [ ! build/bundle/main.cjs -nt build/pure.tsbuildinfo ]; then
    node tools/bundle.mjs || die "the programs cannot be bundled"
  fi
}

restore_policy
install_packages
install_modules
build
