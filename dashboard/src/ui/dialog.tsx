/**
 * A modal dialog on Radix: focus stays inside, Escape closes, focus returns. Radix's own Overlay is
 * not used because it injects a <style> element, which the page's content security policy forbids.
 */
import * as RadixDialog from "@radix-ui/react-dialog";
import type { ReactNode } from "react";
import { Icon } from "./icons";

interface DialogProps {
  open: boolean;
  onOpenChange: (open: boolean) => void;
  title: string;
  intro?: ReactNode;
  children: ReactNode;
}

export function Dialog({ open, onOpenChange, title, intro, children }: DialogProps) {
  return (
    <RadixDialog.Root open={open} onOpenChange={onOpenChange}>
      <RadixDialog.Portal>
        <div className="fixed inset-0 z-40 bg-shade" aria-hidden="true" />
        <RadixDialog.Content
          {...(!intro && { "aria-describedby": undefined })}
          className="fixed inset-x-0 bottom-0 z-50 max-h-[92dvh] animate-appear overflow-y-auto rounded-t-xl border border-line bg-panel p-5 shadow-xl outline-none
            sm:inset-x-auto sm:bottom-auto sm:left-1/2 sm:top-[12vh] sm:max-h-[80vh] sm:w-[30rem] sm:-translate-x-1/2 sm:rounded-xl"
        >
          <RadixDialog.Title className="pr-8 text-base font-semibold tracking-tight">{title}</RadixDialog.Title>
          {intro && <RadixDialog.Description className="mt-1 text-ink-2">{intro}</RadixDialog.Description>}
          <div className="mt-4">{children}</div>
          {/* Last, so that focus begins at what the dialog is about. */}
          <RadixDialog.Close
            aria-label="Close"
            className="absolute right-3.5 top-4 inline-flex size-7 items-center justify-center rounded-md text-ink-3 hover:bg-raised hover:text-ink"
          >
            <Icon name="close" />
          </RadixDialog.Close>
        </RadixDialog.Content>
      </RadixDialog.Portal>
    </RadixDialog.Root>
  );
}
