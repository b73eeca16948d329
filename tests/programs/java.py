#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Java's SunPKCS11 with our module, as the last provider and as the first; and keytool."""
import re

import programs
from fixture import Fixture
from station import VERSIONS, Station
from table import Table
from tap import skip_all

_SOURCE = """
import java.io.FileInputStream;
import java.net.URL;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import javax.net.ssl.*;

public class Get {
    public static void main(String[] arguments) throws Exception {
        KeyStore ours = KeyStore.getInstance("PKCS11");
        ours.load(null, null);
        KeyManagerFactory keys = KeyManagerFactory.getInstance("SunX509");
        keys.init(ours, null);
        KeyStore trusted = KeyStore.getInstance("PKCS12");
        trusted.load(null, null);
        trusted.setCertificateEntry("ca", CertificateFactory.getInstance("X.509")
            .generateCertificate(new FileInputStream(arguments[0])));
        TrustManagerFactory trust = TrustManagerFactory.getInstance("PKIX");
        trust.init(trusted);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(keys.getKeyManagers(), trust.getTrustManagers(), null);
        for (int i = 1; i < arguments.length; i++) {
            HttpsURLConnection page = (HttpsURLConnection) new URL(arguments[i]).openConnection();
            page.setSSLSocketFactory(context.getSocketFactory());
            System.out.print(new String(page.getInputStream().readAllBytes(), "UTF-8"));
        }
    }
}
"""


class Java:
    """A virtual machine with SunPKCS11 as the n-th provider: the others stand behind it."""

    def __init__(self, station):
        self.f, self.ca = station.fixture, station.office.certificate
        self.settings = self.f.path("pkcs11.cfg")
        self.settings.write_text(f"name = Countersign\nlibrary = {station.module}\n"
                                 "slotListIndex = 0\n")
        source = self.f.path("Get.java")
        source.write_text(_SOURCE)
        self.f.run(["javac", source], check=True)
        self.others = self._providers()

    def _providers(self):
        """The providers of this Java, from its own java.security."""
        home = re.search(r"java.home = (\S+)", self.f.run(
            ["java", "-XshowSettings:properties", "-version"], check=True).stderr).group(1)
        with open(f"{home}/conf/security/java.security", encoding="utf-8") as file:
            return re.findall(r"^security\.provider\.\d+=(\S+)$", file.read(), re.M)

    def security(self, place):
        """A java.security with ours as the "first" or the "last" provider."""
        ours, others = f"SunPKCS11 {self.settings}", [o for o in self.others if o != "SunPKCS11"]
        order = [ours, *others] if place == "first" else [*others, ours]
        path = self.f.path(f"{place}.security")
        path.write_text("".join(f"security.provider.{n}={name}\n"
                                for n, name in enumerate(order, start=1)))
        return path

    def get(self, place, *urls):
        return self.f.run(["java", f"-Djava.security.properties={self.security(place)}", "-cp",
                           self.f.folder, "Get", self.ca, *urls])

    def keytool(self):
        return self.f.run(["keytool", "-list", "-keystore", "NONE", "-storetype", "PKCS11",
                           "-storepass", "", f"-J-Djava.security.properties={self.security('last')}"],
                          check=True).stdout


def main():
    lacking = programs.missing("softhsm", "softhsm2-util", "pkcs11-tool", "openssl", "nginx", "java",
                               "javac", "keytool")
    if lacking:
        skip_all(f"{lacking} is not installed")
    table = Table("java")
    with Fixture() as f:
        station = Station(f)
        table.tap.diagnose = station.diagnose
        java = Java(station)
        for place in ("last", "first"):
            for version in VERSIONS:
                for key in (station.alice, station.bob):
                    with table.row(f"java, {place} provider", "module", key, version) as row:
                        row.sees(java.get(place, station.server(key, version).url))
        with table.row("java, last provider", "module", station.carol) as row:
            row.sees(java.get("last", station.server(station.carol).url))
        with table.tap.case("keytool -list names the three keys"):
            shown = java.keytool()
            for name in ("alice", "bob", "carol"):
                assert f"{name}, PrivateKeyEntry" in shown, shown
    table.done()


if __name__ == "__main__":
    main()
