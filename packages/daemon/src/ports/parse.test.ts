import { expect, it } from "vitest";
import { parseLsof } from "./lsof.ts";
import { parseProcNetTcp } from "./proc.ts";

it("parseProcNetTcp keeps the listening sockets of /proc/net/tcp and tcp6", () => {
  const tcp = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1E14 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 81234 1 0000000000000000 100 0 0 10 0
   1: 0100007F:1E14 0100007F:D431 01 00000000:00000000 00:00000000 00000000  1000        0 81240 1 0000000000000000 20 4 30 10 -1
   2: 00000000000000000000000001000000:0050 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 99 1 0
`;
  expect(parseProcNetTcp(tcp)).toEqual([
    { port: 7700, inode: "81234" },
    { port: 80, inode: "99" },
  ]);
});

it("parseLsof reads lsof's field output, with several sockets for each process", () => {
  const text = "p412\ncnode\nf18\nn127.0.0.1:7700\nf19\nn[::1]:7700\np77\ncnginx\nf6\nn*:80\n";
  expect(parseLsof(text)).toEqual([
    { pid: 412, command: "node", ports: [7700, 7700] },
    { pid: 77, command: "nginx", ports: [80] },
  ]);
  expect(parseLsof("")).toEqual([]);
});
