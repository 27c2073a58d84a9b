import { hostname } from "node:os";
import { expect, it } from "vitest";
import { addressToOpen, machineAddress } from "./open-address.ts";

const own = { url: "http://127.0.0.1:7711", names: [], machine: "Box" };

it("the address to open is the listening address, with this machine's name for all interfaces", () => {
  expect(addressToOpen(own)).toBe("http://127.0.0.1:7711");
  expect(addressToOpen({ ...own, url: "http://0.0.0.0:7711" })).toBe("http://Box:7711");
  expect(addressToOpen({ ...own, url: "http://[::]:7711" })).toBe("http://Box:7711");
});

it("the address to open has a host name that the daemon accepts", () => {
  expect(addressToOpen({ ...own, names: ["localhost"] })).toBe("http://localhost:7711");
  expect(addressToOpen({ ...own, names: ["llm", "127.0.0.1"] })).toBe("http://127.0.0.1:7711");
  expect(addressToOpen({ ...own, url: "http://0.0.0.0:7711", names: ["llm", "box"] })).toBe("http://Box:7711");
});

it("the address to open is the advertised URL, if that URL is set", () => {
  expect(addressToOpen({ ...own, advertiseUrl: "https://llm.example.org/", names: ["llm.example.org"] })).toBe(
    "https://llm.example.org",
  );
});

it("machineAddress is this machine's first network address, IPv4 before IPv6", () => {
  const mac = "00:00:00:00:00:00";
  const v4 = (address: string, internal = false) =>
    ({ family: "IPv4", address, internal, mac, netmask: "", cidr: null }) as const;
  const v6 = (address: string, internal = false) =>
    ({ family: "IPv6", address, internal, mac, netmask: "", cidr: null, scopeid: 0 }) as const;
  const lo = [v4("127.0.0.1", true), v6("::1", true)];
  expect(machineAddress({ lo, eth0: [v6("2001:db8::5"), v4("192.0.2.5")], eth1: [v4("192.0.2.6")] })).toBe("192.0.2.5");
  expect(machineAddress({ lo, eth0: [v4("169.254.0.9"), v6("fe80::9"), v6("2001:db8::5")] })).toBe("[2001:db8::5]");
  expect(machineAddress({ lo })).toBe(hostname());
});
