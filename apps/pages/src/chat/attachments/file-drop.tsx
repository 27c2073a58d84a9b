// Owns the page as a drop target: dropped files are attached, instead of being opened by the browser.
import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { useEffect } from "preact/hooks";
import { blindReason, type Sight } from "../pictures/sight.ts";

export interface FileDropProps {
  readonly sight: Sight;
  readonly onFiles: (files: readonly File[]) => void;
}

export function FileDrop({ sight, onFiles }: FileDropProps): VNode | null {
  const over = useSignal(false);
  useEffect(() => {
    /** Entered elements minus left elements: at 0 the pointer has left the page. */
    let depth = 0;
    const carries = (event: DragEvent): boolean => event.dataTransfer?.types.includes("Files") === true;
    const enter = (event: DragEvent, by: 1 | -1): void => {
      if (!carries(event)) return;
      depth = Math.max(0, depth + by);
      over.value = depth > 0 && document.querySelector("dialog[open]") === null;
    };
    const onDrop = (event: DragEvent): void => {
      if (!carries(event)) return;
      event.preventDefault();
      const wanted = over.value;
      depth = 0;
      over.value = false;
      if (wanted) onFiles([...(event.dataTransfer?.files ?? [])]);
    };
    const leaving = new AbortController();
    addEventListener("dragenter", (event) => enter(event, 1), leaving);
    addEventListener("dragleave", (event) => enter(event, -1), leaving);
    addEventListener("dragover", (event) => carries(event) && event.preventDefault(), leaving);
    addEventListener("drop", onDrop, leaving);
    return () => leaving.abort();
  }, [onFiles, over]);
  if (!over.value) return null;
  return (
    <div class="drop-zone" aria-hidden="true">
      <p>
        {blindReason(sight) === undefined
          ? "Drop pictures, text files and PDFs to attach them"
          : `Drop text files and PDFs to attach them (${sight.model} cannot see pictures)`}
      </p>
    </div>
  );
}
