import { expect, test } from "vitest";
import { shownReference } from "./download-error.ts";

test.each([
  ["hf:user/repo:Q4_K_M", "hf:user/repo:Q4_K_M"],
  ["hf:user/repo/x.gguf#branch", "hf:user/repo/x.gguf#branch"],
  ["./models/a@b?c.gguf", "./models/a@b?c.gguf"],
  ["https://host/models/x.gguf", "https://host/models/x.gguf"],
  ["https://user:pass@host:81/x.gguf", "https://host:81/x.gguf"],
  ["https://user:p@ss@host/@scope/x.gguf", "https://host/@scope/x.gguf"],
  ["https://host/x.gguf?X-Amz-Signature=abc&a=b", "https://host/x.gguf"],
  [`https://host/x.gguf#sha256=${"0".repeat(64)}`, "https://host/x.gguf"],
  ["HTTPS://user@host/x.gguf?a#b", "HTTPS://host/x.gguf"],
  ["http://user:pa/ss@host/x.gguf?a", "http://host/x.gguf"],
  [" https://user:pass@host/x?a", " https://host/x"],
  ["https://user:pa?ss@host/x.gguf", "https://…"],
  ["https://user:pa#ss@host/x.gguf?a#b", "https://…"],
  ["https://user:pass@no host/x.gguf?a", "https://no host/x.gguf"],
  ["https://no host/x.gguf?signature=a", "https://no host/x.gguf"],
  ["https://no host/x.gguf?signature=a@b", "https://…"],
  ["redis://user:pass@host", "redis://host"],
])("%s is shown as %s", (reference, shown) => {
  expect(shownReference(reference)).toBe(shown);
});
