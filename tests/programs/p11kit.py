# SPDX-License-Identifier: Apache-2.0
"""Programs that find our module through p11-kit, by the file that is installed for it."""
import namespace
import programs
from tap import Skip

MODULES = "/usr/share/p11-kit/modules"


def words(f, module):
    """What stands before a program for which our module is the only one that is registered."""
    folder = f.path("p11-kit-modules")
    if not folder.exists():
        folder.mkdir()
        shipped = (programs.BUILD / "contrib/countersign.module").read_text()
        lines = [f"module: {module}" if line.startswith("module:") else line
                 for line in shipped.splitlines()]
        (folder / "countersign.module").write_text("\n".join(lines) + "\n")
    return namespace.words({MODULES: folder})


def uri(key, kind):
    """kind: cert or private."""
    return f"pkcs11:token={key.token.label};object={key.label};type={kind}"


def needs_gnutls(f, program):
    """For a case: skips it where the program is not there, or built with OpenSSL as on other systems."""
    if programs.find(program) is None:
        raise Skip(f"{program} is not installed")
    linked = f.run(["ldd", programs.find(program)]).stdout
    if "libgnutls" not in linked and "libcurl-gnutls" not in linked:
        raise Skip(f"{program} is not built with GnuTLS here")
