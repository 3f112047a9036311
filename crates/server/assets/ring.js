/** The ring that counts down the life of the access token, with a notch where the silent refresh comes. */

const REFILL = 900

export class Ring {
  #session
  #arc
  #notch
  #number
  #shown = 0
  #refill = null

  constructor(root, session) {
    this.#session = session
    this.#arc = root.querySelector('.arc')
    this.#notch = root.querySelector('.notch')
    this.#number = root.querySelector('[data-testid="seconds-left"]')
    requestAnimationFrame((now) => this.#draw(now))
  }

  /** Fills the ring up for a new token. */
  refill() {
    const { lifetime, born, refreshAt } = this.#session.token
    const isCalm = matchMedia('(prefers-reduced-motion: reduce)').matches
    this.#refill = isCalm ? null : { from: this.#shown, since: performance.now() }
    this.#notch.setAttribute('transform', `rotate(${360 * (1 - (refreshAt - born) / lifetime)} 100 100)`)
  }

  #draw(now) {
    requestAnimationFrame((next) => this.#draw(next))
    if (!this.#session.token) return
    const { left, token } = this.#session
    const share = this.#eased(left / token.lifetime, now)
    const seconds = String(Math.ceil(left / 1000))
    if (this.#number.textContent !== seconds) this.#number.textContent = seconds
    if (Math.abs(share - this.#shown) * 560 < 0.2) return
    this.#shown = share
    this.#arc.setAttribute('stroke-dashoffset', 1 - share)
    this.#arc.classList.toggle('due', performance.now() >= token.refreshAt)
  }

  #eased(share, now) {
    if (!this.#refill) return share
    const done = Math.min(1, Math.max(0, now - this.#refill.since) / REFILL)
    const { from } = this.#refill
    if (done === 1) this.#refill = null
    return from + (share - from) * (1 - (1 - done) ** 3)
  }
}
