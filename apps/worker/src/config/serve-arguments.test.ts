import { describe, expect, it } from "vitest";
import { serveArguments } from "./serve-arguments.ts";

describe("the words of waggle serve", () => {
  it("are models wherever they stand, and flags keep their values", () => {
    const argv = ["a.gguf", "--slots", "4", "hf:u/r:Q4_0", "--offline", "b.gguf", "--port=0"];
    expect(serveArguments(argv, {})).toEqual([
      ...["--model", "a.gguf", "--slots", "4", "--model", "hf:u/r:Q4_0", "--offline", "--model", "b.gguf", "--port=0"],
      "--local-mode",
    ]);
  });

  it("serve this machine only, unless something says who may come in", () => {
    expect(serveArguments([], {})).toEqual(["--local-mode"]);
    expect(serveArguments([], { WAGGLE_API_TOKEN: "" })).toEqual(["--local-mode"]);
    expect(serveArguments([], { WAGGLE_API_TOKEN: "secret-enough" })).toEqual([]);
    expect(serveArguments([], { WAGGLE_API_TOKEN_FILE: "/etc/tokens" })).toEqual([]);
    expect(serveArguments(["--api-token-file", "t"], {})).toEqual(["--api-token-file", "t"]);
    expect(serveArguments(["--api-token-file=t"], {})).toEqual(["--api-token-file=t"]);
    expect(serveArguments(["--local-mode"], {})).toEqual(["--local-mode"]);
  });

  it("that are wrong are left for the worker to refuse", () => {
    expect(serveArguments(["--nonsense", "--slots"], {})).toEqual(["--nonsense", "--slots", "--local-mode"]);
  });
});
