// Owns hostile uploads: multipart bodies that are cut, malformed or too large. No such file may be kept.
import { fileRoutes } from "@waggle/protocol";
import type { HostileRequest } from "./requests.ts";

const disposition = "Content-Disposition: form-data";
const file = part(`${disposition}; name="file"; filename="a.txt"`, "{}");

function part(headers: string, content: string): string {
  return `--b\r\n${headers}\r\n\r\n${content}\r\n`;
}

const bodies: Readonly<Record<string, () => string>> = {
  "no part": () => "--b--\r\n",
  "no boundary": () => "{}",
  "no end": () => file,
  "an end in the headers of a part": () => `--b\r\n${disposition}; name="fi`,
  "a part without headers": () => "--b\r\n\r\nx\r\n--b--\r\n",
  "a part that is no form-data": () => `${part('Content-Disposition: attachment; name="file"', "x")}--b--\r\n`,
  "a line break in the name of the file": () =>
    `${part(`${disposition}; name="file"; filename="a\n.jsonl"`, "x")}--b--\r\n`,
  "an open quote": () => `${part(`${disposition}; name="file; filename=a.jsonl`, "x")}--b--\r\n`,
  "headers of 1 MB": () => `${part(`${disposition}; name="file"; filename="${"x".repeat(1 << 20)}"`, "x")}--b--\r\n`,
  "10,000 header lines": () => `${part("a: b\r\n".repeat(10_000), "x")}--b--\r\n`,
  "10,000 parts": () => `${part(`${disposition}; name="purpose"`, "batch").repeat(10_000)}--b--\r\n`,
  "10,000 files": () => `${file.repeat(10_000)}--b--\r\n`,
  "a purpose of 3 MB": () => `${file}${part(`${disposition}; name="purpose"`, "batch".repeat(600_000))}--b--\r\n`,
  "a prototype as its field": () => `${file}${part(`${disposition}; name="__proto__"`, "batch")}--b--\r\n`,
  "beginnings of the boundary": () => part(`${disposition}; name="file"; filename="a.txt"`, "\r\n--".repeat(500_000)),
};

const types = {
  "": "multipart/form-data; boundary=b",
  " without a boundary": "multipart/form-data",
  " with a long boundary": `multipart/form-data; boundary=${"b".repeat(5_000)}`,
  " as another type": "multipart/mixed; boundary=b",
};

export const hostileUploads: readonly HostileRequest[] = Object.entries(bodies).flatMap(([name, body]) =>
  Object.entries(types).map(([how, type]) => ({
    name: `POST ${fileRoutes.uploadFile.path}: ${name}${how}`,
    method: "POST",
    path: fileRoutes.uploadFile.path,
    headers: { "content-type": type },
    body,
  })),
);
