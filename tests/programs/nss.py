# SPDX-License-Identifier: Apache-2.0
"""A database of NSS, as Chromium, Firefox and NSS's own tools have one."""


def database(fixture, folder, ca, module):
    """Makes one that trusts servers of `ca` and has `module`; does nothing when it is there."""
    if folder.exists():
        return folder
    folder.mkdir(parents=True, mode=0o700)
    name = f"sql:{folder}"
    fixture.run(["certutil", "-N", "-d", name, "--empty-password"], check=True)
    fixture.run(["certutil", "-A", "-d", name, "-n", ca.name, "-t", "C,,", "-i", ca.certificate],
                check=True)
    fixture.run(["modutil", "-force", "-dbdir", name, "-add", "Countersign", "-libfile", module],
                check=True)
    return folder
