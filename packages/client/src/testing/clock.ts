/** A clock that stands still until a test moves it. */

interface Timer {
  at: number
  run: () => void
}

export class ManualClock {
  /** Milliseconds since the start. */
  time = 0
  #timers = new Set<Timer>()

  /** How many timers are set: one for each session at rest. */
  get timers(): number {
    return this.#timers.size
  }

  timer(run: () => void, ms: number): () => void {
    const timer = { at: this.time + Math.max(0, ms), run }
    this.#timers.add(timer)
    return () => void this.#timers.delete(timer)
  }

  sleep(ms: number): Promise<void> {
    return new Promise(done => void this.timer(done, ms))
  }

  /** Lets time pass, timer after timer, each with everything that follows from it. */
  async advance(ms: number): Promise<void> {
    const end = this.time + ms
    await this.settle()
    for (;;) {
      const [next] = [...this.#timers].filter(timer => timer.at <= end).sort((a, b) => a.at - b.at)
      if (!next) break
      this.#timers.delete(next)
      this.time = Math.max(this.time, next.at)
      next.run()
      await this.settle()
    }
    this.time = Math.max(this.time, end)
  }

  /** Time passes and no timer runs: the device slept. */
  skip(ms: number): void {
    this.time += ms
  }

  /** Until everything that needs no time is done. */
  settle(): Promise<void> {
    return new Promise(done => setTimeout(done))
  }
}
