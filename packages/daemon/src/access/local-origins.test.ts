import { expect, test } from "vitest";
import { isLocalOrigin } from "./access-gate.ts";

test.each([
  "http://localhost",
  "http://localhost:3000",
  "https://localhost:8443",
  "http://127.0.0.1:5173",
  "http://[::1]:80",
  "http://tauri.localhost",
  "http://my-app.localhost:1420",
  "app://obsidian.md",
  "tauri://localhost",
  "vscode-webview://0q3kq8k4v5f6",
  "vscode-file://vscode-app",
])("%s is a local origin", (origin) => {
  expect(isLocalOrigin(origin)).toBe(true);
});

test.each([
  "null",
  "",
  "file://",
  "https://evil.example",
  "http://localhost.evil.example",
  "http://evil-localhost",
  "http://notlocalhost:3000",
  "http://127.0.0.1.evil.example",
  "http://127.0.0.1:3000/path",
  "http://user@localhost",
  "http://localhost:3000\nhttp://evil.example",
  "http://0.0.0.0:3000",
  "http://192.168.1.4",
  "chrome-extension://abcdefghijklmnop",
  "javascript://localhost",
])("%s is not a local origin", (origin) => {
  expect(isLocalOrigin(origin)).toBe(false);
});
