# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034 # the lists are for whoever sources this
#
# The Debian packages Countersign needs (Debian 12 and 13), and how to install those that are not
# there. Sourced by contrib/demo and contrib/check.

packages_build=(
    gcc libc6-dev dpkg-dev meson ninja-build pkgconf
    libssl-dev libuv1-dev libp11-dev libp11-kit-dev libinih-dev libjson-c-dev libassuan-dev
    libdbus-1-dev
    libcmocka-dev
)

# A token, a server, a client; python3 is the page behind the server.
packages_demo=(softhsm2 opensc openssl nginx curl ca-certificates python3)

# What Countersign is measured against.
packages_bench=(p11-kit p11-kit-modules libengine-pkcs11-openssl binutils)

# Programs that the PKCS#11 module is loaded into.
packages_clients=(
    chromium firefox-esr libnss3-tools gnutls-bin wget git ldap-utils default-jdk-headless openvpn
    openssh-client openssh-server libengine-pkcs11-openssl p11-kit
    openconnect thunderbird msmtp neomutt mutt aria2 lftp python3-gi glib-networking
)

# Modules that are not SoftHSM: a TPM, a token behind p11-kit; NSS's comes with the clients.
packages_modules=(swtpm libtpm2-pkcs11-1 p11-kit p11-kit-modules)

# The programs of tests/programs.
packages_programs=(
    perl libio-socket-ssl-perl libwww-perl liblwp-protocol-https-perl swaks
    python3-requests python3-openssl php-cli php-curl ruby tcl tcl-tls nodejs
    haproxy socat stunnel4 ncat links w3m apache2-utils siege
    mosquitto-clients mariadb-client redis-tools isync fetchmail rsyslog rsyslog-openssl apache2-bin
    postgresql postgresql-client eapoltest hostapd
)

packages_check=(
    "${packages_demo[@]}" "${packages_clients[@]}"
    clang clang-format libclang-rt-dev cppcheck valgrind g++ shellcheck mandoc git
    binutils bubblewrap gnutls-bin groff-base iproute2 pinentry-curses pinentry-tty procps
    dbus-daemon python3-dbus python3-dbusmock libglib2.0-bin systemd
    dbus-user-session
    pinentry-gtk2 pinentry-qt pinentry-gnome3 sway xvfb xdotool imagemagick fonts-dejavu-core
    desktop-file-utils
    "${packages_programs[@]}"
    "${packages_modules[@]}"
)

# install_packages PACKAGE…: installs what is missing, as root or with sudo; does nothing when
# nothing is missing.
install_packages() {
    local package missing=() sudo=()
    if ! command -v apt-get >/dev/null; then
        echo "This is no Debian; make sure that it has what Debian calls: $*"
        return 0
    fi
    for package; do
        dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed ||
            missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0

    if [ "$(id -u)" -ne 0 ]; then
        if ! command -v sudo >/dev/null; then
            echo "Missing packages. As root: apt-get install ${missing[*]}" >&2
            return 1
        fi
        sudo=(sudo)
        [ -t 0 ] || sudo=(sudo -n)
    fi
    echo "Installing ${missing[*]}"
    "${sudo[@]}" bash -c "$install_as_root" install-packages "${missing[@]}" </dev/null
}

# What runs as root. Debian starts the services it installs unless policy-rc.d says no, and enables
# them for the next start of the machine. We want the programs, not the services.
# shellcheck disable=SC2016
install_as_root='
    set -eu
    export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
    PATH=$PATH:/usr/sbin:/sbin
    log=$(mktemp)
    policy=/usr/sbin/policy-rc.d
    mark="# Countersign, while it installs packages"
    restore() {
        rm -f "$log" "$policy"
        [ ! -e "$policy.saved" ] || mv "$policy.saved" "$policy"
    }
    trap restore EXIT
    trap "exit 1" HUP INT TERM
    if [ -e "$policy" ] && ! grep -qxF "$mark" "$policy"; then mv "$policy" "$policy.saved"; fi
    printf "#!/bin/sh\n%s\nexit 101\n" "$mark" >"$policy"
    chmod 755 "$policy"

    get() {
        apt-get -q -y -o DPkg::Lock::Timeout=300 "$@" >"$log" 2>&1
    }
    # The lists of a new machine are empty, and those of an old one name files that are gone.
    if ! apt-cache show "$@" >/dev/null 2>&1 || ! get install --no-install-recommends "$@"; then
        if ! get update || ! get install --no-install-recommends "$@"; then
            cat "$log" >&2
            echo "Could not install: $*" >&2
            exit 1
        fi
    fi
    without_service() {
        case " $packages " in *" $1 "*)
            systemctl disable "$2" >/dev/null 2>&1 || true
            echo "$1 is installed; its service is neither started nor enabled."
        esac
    }
    packages=$*
    without_service nginx nginx.service
    without_service openssh-server ssh.service
    without_service openvpn openvpn.service
    for service in haproxy stunnel4 postgresql rsyslog hostapd; do
        without_service "$service" "$service.service"
    done
'
