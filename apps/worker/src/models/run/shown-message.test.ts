import { expect, test } from "vitest";
import { withoutFolders } from "./shown-message.ts";

test.each([
  ["Cannot load model /srv/models/bee.gguf: no such file", "Cannot load model bee.gguf: no such file"],
  ["Cannot load model '/srv/my models/bee.gguf'", "Cannot load model 'bee.gguf'"],
  ["ENOENT: open '/etc/x/y.gguf'", "ENOENT: open 'y.gguf'"],
  ["it is not in /var/lib/waggle", "it is not in waggle"],
  ["C:\\Users\\bee\\x.gguf is no model", "x.gguf is no model"],
  ["Cannot download https://hub.example/a/b.gguf: 404", "Cannot download https://hub.example/a/b.gguf: 404"],
  ["Cannot load model hf:user/repo:Q4_K_M: 3/4 tries", "Cannot load model hf:user/repo:Q4_K_M: 3/4 tries"],
  ["models/bee.gguf and ./bee.gguf", "models/bee.gguf and ./bee.gguf"],
])("from %j a client without the admin right gets %j", (message, shown) => {
  expect(withoutFolders(message, ["/srv/my models", "/"])).toBe(shown);
});
