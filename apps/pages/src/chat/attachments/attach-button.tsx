// Owns the button that opens the browser's file dialog.
import type { VNode } from "preact";
import { useRef } from "preact/hooks";
import { Icon } from "../../parts/icons.tsx";

export function AttachButton({ onFiles }: { readonly onFiles: (files: readonly File[]) => void }): VNode {
  const input = useRef<HTMLInputElement>(null);
  return (
    <>
      <button
        type="button"
        class="button icon quiet"
        aria-label="Attach files"
        title="Attach text files or PDFs"
        onClick={() => input.current?.click()}
      >
        <Icon name="attach" />
      </button>
      <input
        ref={input}
        type="file"
        multiple
        hidden
        onChange={(event) => {
          onFiles([...(event.currentTarget.files ?? [])]);
          // Otherwise choosing the same file again would fire no event.
          event.currentTarget.value = "";
        }}
      />
    </>
  );
}
