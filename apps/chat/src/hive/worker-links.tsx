// Owns the way from a worker in the hive to its own pages.
import type { HiveWorker } from "@waggle/protocol";
import type { VNode } from "preact";

export function ChatLink({ worker }: { readonly worker: HiveWorker }): VNode | null {
  return <Link worker={worker} label="Chat" path="" />;
}

export function StatusLink({ worker }: { readonly worker: HiveWorker }): VNode | null {
  return <Link worker={worker} label="Status" path="/status" />;
}

function Link(props: { readonly worker: HiveWorker; readonly label: string; readonly path: string }): VNode | null {
  const { worker_id: id, url, liveness } = props.worker;
  // A worker names its own address, and only a web address becomes a link. Behind one that is offline there is nothing.
  if (liveness === "gone" || !/^https?:\/\//i.test(url)) return null;
  const href = props.path === "" ? url : new URL(props.path, url).href;
  return (
    <a class="button tiny" href={href} target="_blank" rel="noopener noreferrer" aria-label={`${props.label} of ${id}`}>
      {props.label}
    </a>
  );
}
