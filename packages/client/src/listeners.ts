/** Who wants to know. */

/** Adds; answers how to stop. */
export function listen<L>(listeners: Set<L>, listener: L): () => void {
  listeners.add(listener)
  return () => void listeners.delete(listener)
}

/** Tells them once everything is settled, so that they may call anything. What they throw is shown, and stops nobody. */
export const tell = <A extends unknown[]>(listeners: Iterable<(...args: A) => void>, ...args: A): void =>
  queueMicrotask(() => {
    for (const listener of [...listeners])
      try {
        listener(...args)
      } catch (error) {
        queueMicrotask(() => {
          throw error
        })
      }
  })
