/** Asks for something that cannot be undone: the thing's name is typed before the button works. */
import { useState, type ReactNode } from "react";
import { Button } from "./button";
import { Dialog } from "./dialog";
import { TextField } from "./field";
import { ProblemNotice } from "./notice";

interface ConfirmDialogProps {
  open: boolean;
  onOpenChange: (open: boolean) => void;
  title: string;
  /** What will be lost, said plainly. */
  children: ReactNode;
  /** What has to be typed. */
  phrase: string;
  action: string;
  mutation: { isPending: boolean; error: unknown; reset: () => void };
  onConfirm: () => void;
}

export function ConfirmDialog({ open, onOpenChange, title, children, phrase, action, mutation, onConfirm }: ConfirmDialogProps) {
  const [typed, setTyped] = useState("");
  const change = (next: boolean) => {
    if (!next) {
      setTyped("");
      mutation.reset();
    }
    onOpenChange(next);
  };
  return (
    <Dialog open={open} onOpenChange={change} title={title}>
      <form
        className="space-y-4"
        onSubmit={(event) => {
          event.preventDefault();
          if (typed === phrase && !mutation.isPending) onConfirm();
        }}
      >
        <div className="space-y-2 text-ink-2">{children}</div>
        <TextField
          label={`Type ${phrase} to confirm`}
          mono
          autoComplete="off"
          autoCapitalize="none"
          value={typed}
          onChange={(event) => setTyped(event.target.value)}
        />
        {mutation.error ? <ProblemNotice error={mutation.error} doing={action} /> : null}
        <div className="flex justify-end gap-2">
          <Button kind="quiet" onClick={() => change(false)}>
            Cancel
          </Button>
          <Button kind="danger" type="submit" icon="trash" disabled={typed !== phrase} busy={mutation.isPending}>
            {action}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
