// Owns the notice of a failure in one sentence, which screen readers read out at once.
import type { VNode } from "preact";

export function Alert({ text }: { readonly text: string | undefined }): VNode | null {
  if (text === undefined) return null;
  return (
    <p class="notice bad anywhere" role="alert">
      {text}
    </p>
  );
}
