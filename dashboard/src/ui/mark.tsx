/** A headrace is the channel that leads the water to the wheel: three streams round one bend. */
export function Mark({ className = "size-6" }: { className?: string }) {
  return (
    <svg viewBox="0 0 24 24" className={`shrink-0 ${className}`} fill="none" strokeWidth="2.4" strokeLinecap="round" aria-hidden="true">
      <path d="M3 5h8.5A8.5 8.5 0 0 1 20 13.5V20" stroke="var(--accent)" />
      <path d="M3 11h7a4.5 4.5 0 0 1 4.5 4.5V20" stroke="var(--accent)" opacity="0.66" />
      <path d="M3 17h3.5A2 2 0 0 1 8.5 19v1" stroke="var(--accent)" opacity="0.38" />
    </svg>
  );
}
