/** Who wants to know. */

/** Adds; answers how to stop. */
export const listen =
  <L>(listeners: Set<L>) =>
  (listener: L) => {
    listeners.add(listener)
    return (): void => void listeners.delete(listener)
  }

/** Tells them once everything is settled, so that they may call anything. What one throws is shown, and stops nobody. */
export const tell = <A extends unknown[]>(listeners: Iterable<(...args: A) => void>, ...args: A): void => {
  for (const listener of listeners) queueMicrotask(() => listener(...args))
}
