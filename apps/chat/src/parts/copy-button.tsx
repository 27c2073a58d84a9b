// Owns copying text, also where the page was not served over a secure connection.
import type { VNode } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Icon } from "./icons.tsx";

const confirmationMs = 1_500;

export function CopyButton({ text, label }: { readonly text: string; readonly label: string }): VNode {
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return;
    const timer = setTimeout(() => setCopied(false), confirmationMs);
    return () => clearTimeout(timer);
  }, [copied]);
  const name = copied ? "Copied" : label;
  return (
    <button
      type="button"
      class="button icon tiny quiet"
      aria-label={name}
      title={name}
      onClick={() => void copy(text).then(setCopied)}
    >
      <Icon name={copied ? "check" : "copy"} />
    </button>
  );
}

/** False where neither way works. */
export async function copy(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyBySelection(text);
  }
}

/** The clipboard's own interface exists on secure origins only, and a worker on a local network is none. */
function copyBySelection(text: string): boolean {
  const field = document.createElement("textarea");
  field.value = text;
  field.className = "visually-hidden";
  document.body.append(field);
  field.select();
  // oxlint-disable-next-line typescript/no-deprecated -- the only way there
  const copied = document.execCommand("copy");
  field.remove();
  return copied;
}
