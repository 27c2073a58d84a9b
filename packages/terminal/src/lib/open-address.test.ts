import { expect, it } from "vitest";
import { addressToOpen } from "./open-address.ts";

const own = { url: "http://127.0.0.1:7711", names: [], machine: "Box" };

it("is where it listens, with this machine's name in place of all interfaces", () => {
  expect(addressToOpen(own)).toBe("http://127.0.0.1:7711");
  expect(addressToOpen({ ...own, url: "http://0.0.0.0:7711" })).toBe("http://Box:7711");
  expect(addressToOpen({ ...own, url: "http://[::]:7711" })).toBe("http://Box:7711");
});

it("has a name that it answers to", () => {
  expect(addressToOpen({ ...own, names: ["localhost"] })).toBe("http://localhost:7711");
  expect(addressToOpen({ ...own, names: ["llm", "127.0.0.1"] })).toBe("http://127.0.0.1:7711");
  expect(addressToOpen({ ...own, url: "http://0.0.0.0:7711", names: ["llm", "box"] })).toBe("http://Box:7711");
});

it("is the advertised one where there is one", () => {
  expect(addressToOpen({ ...own, advertiseUrl: "https://llm.example.org/", names: ["llm.example.org"] })).toBe(
    "https://llm.example.org",
  );
});
