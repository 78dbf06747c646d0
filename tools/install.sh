#!/bin/sh
# Installs the Debian packages that a purpose needs and that are missing; says so first.
#   tools/install.sh build|page|unit|test|bench|lint|fuzz ...
# Root, or sudo, is needed only when something is missing.
set -eu

build="gcc libc6-dev cmake ninja-build pkg-config git ca-certificates openssh-client
  libmicrohttpd-dev libgnutls28-dev libcurl4-openssl-dev libyaml-dev libsqlite3-dev libpq-dev libpcre2-dev libssl-dev zlib1g-dev
  librabbitmq-dev libhiredis-dev libsodium-dev libcbor-dev"
page="nodejs npm"
unit="$build libcmocka-dev libjansson-dev python3 python3-pytest python3-pytest-xdist python3-yaml python3-cryptography python3-fido2
  postgresql-15 postgresql-client-15 sqlite3"
test="$unit python3-venv gcovr rabbitmq-server redis-server chromium python3-aiosmtpd openssl clang clang-format libclang-rt-14-dev"
bench="$build nginx-light wrk python3 python3-yaml postgresql-15"
lint="clang clang-format clang-tidy cppcheck python3"
fuzz="$build clang libclang-rt-14-dev llvm"

wanted=""
for purpose in "$@"; do
  case $purpose in
    build) wanted="$wanted $build" ;;
    page) command -v npm >/dev/null 2>&1 || wanted="$wanted $page" ;;
    unit) wanted="$wanted $unit" ;;
    test) wanted="$wanted $test" ;;
    bench) wanted="$wanted $bench" ;;
    lint) wanted="$wanted $lint" ;;
    fuzz) wanted="$wanted $fuzz" ;;
    *) echo "install.sh: unknown purpose '$purpose' (build, page, unit, test, bench, lint, fuzz)" >&2; exit 2 ;;
  esac
done

missing=""
for package in $wanted; do
  case " $missing " in *" $package "*) continue ;; esac
  dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

command -v apt-get >/dev/null 2>&1 || { echo "This system has no apt-get; please install what Debian calls:$missing" >&2; exit 1; }
as_root=""
if [ "$(id -u)" != 0 ]; then
  if ! command -v sudo >/dev/null 2>&1; then
    echo "Debian packages are missing, and without sudo only root can install them. As root, run" >&2
    echo "  apt-get update && apt-get install --no-install-recommends$missing" >&2
    echo "and then this again." >&2
    exit 1
  fi
  as_root="sudo"
fi
echo "Installing:$missing"
export DEBIAN_FRONTEND=noninteractive
# Packages of servers must not start them: the tests start their own on free ports.
policy=/usr/sbin/policy-rc.d
made=""
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' | $as_root tee "$policy" >/dev/null
  $as_root chmod +x "$policy"
  made=1
fi
status=0
# shellcheck disable=SC2086
{ $as_root apt-get update -qq && $as_root apt-get install -y -qq --no-install-recommends $missing >/dev/null; } || status=$?
[ -z "$made" ] || $as_root rm -f "$policy"
exit "$status"
