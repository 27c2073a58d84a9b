// Owns copying text, even on a page without a secure connection.
import type { VNode } from "preact";
import { useEffect, useState } from "preact/hooks";
import { IconButton } from "./icons.tsx";

const confirmationMs = 1_500;

export function CopyButton({ text, label }: { readonly text: string; readonly label: string }): VNode {
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return;
    const timer = setTimeout(() => setCopied(false), confirmationMs);
    return () => clearTimeout(timer);
  }, [copied]);
  return (
    <IconButton
      icon={copied ? "check" : "copy"}
      label={copied ? "Copied" : label}
      onClick={() => void copy(text).then(setCopied)}
    />
  );
}

/** Copies the text. False if both ways of copying fail. */
export async function copy(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyBySelection(text);
  }
}

/** Copies without the clipboard API, which exists only on secure origins. A worker on a local network has no secure origin. */
function copyBySelection(text: string): boolean {
  const field = document.createElement("textarea");
  field.value = text;
  field.className = "visually-hidden";
  document.body.append(field);
  field.select();
  // oxlint-disable-next-line typescript/no-deprecated -- the only way on insecure origins
  const copied = document.execCommand("copy");
  field.remove();
  return copied;
}
