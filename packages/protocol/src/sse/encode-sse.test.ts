import { describe, expect, it } from "vitest";
import { encodeSse, encodeSseComment } from "./encode-sse.ts";

describe("encodeSse", () => {
  it("writes id, event, data and the empty line", () => {
    expect(encodeSse({ event: "token", id: "7", data: '{"a":1}' })).toBe('id: 7\nevent: token\ndata: {"a":1}\n\n');
  });

  it("writes a frame with only data", () => {
    expect(encodeSse({ data: "[DONE]" })).toBe("data: [DONE]\n\n");
  });

  it("writes a data field for each line, after any kind of line break", () => {
    expect(encodeSse({ data: "a\nb\r\nc\rd\n" })).toBe("data: a\ndata: b\ndata: c\ndata: d\ndata: \n\n");
  });

  it.each(["a\nb", "a\rb", "a\r\nb"])("refuses the line break in %j as event or id", (value) => {
    expect(() => encodeSse({ event: value, data: "" })).toThrow("its event is not a single line");
    expect(() => encodeSse({ id: value, data: "" })).toThrow("its id is not a single line");
  });

  it("refuses a NUL in an id, since readers ignore such ids", () => {
    expect(() => encodeSse({ id: "\0", data: "" })).toThrow(TypeError);
  });
});

describe("encodeSseComment", () => {
  it("writes a comment line", () => {
    expect(encodeSseComment("ping")).toBe(": ping\n\n");
  });

  it("refuses line breaks, which would end the comment", () => {
    expect(() => encodeSseComment("x\ndata: forged")).toThrow(TypeError);
  });
});
