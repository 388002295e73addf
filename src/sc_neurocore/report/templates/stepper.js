// Steps through one sample: the input, the spikes and membranes of every layer.
for (const place of document.querySelectorAll(".stepper")) {
  const sample = JSON.parse(place.querySelector("script").textContent);
  const slider = place.querySelector("input");
  const spoken = place.querySelector("output");
  const play = place.querySelector("[data-play]");
  const pictures = place.querySelector(".pictures");
  let timer = 0;

  function picture(name, size, columns) {
    const figure = document.createElement("figure");
    const canvas = document.createElement("canvas");
    const caption = document.createElement("figcaption");
    const cell = Math.max(3, Math.min(16, Math.floor(256 / columns)));
    canvas.width = columns * cell;
    canvas.height = Math.ceil(size / columns) * cell;
    canvas.setAttribute("aria-hidden", "true"); // what it shows is said in words
    caption.textContent = name;
    figure.append(canvas, caption);
    pictures.append(figure);
    return { canvas, columns, cell };
  }

  function paint(target, values, colour) {
    const context = target.canvas.getContext("2d");
    context.clearRect(0, 0, target.canvas.width, target.canvas.height);
    values.forEach((value, index) => {
      const x = (index % target.columns) * target.cell;
      const y = Math.floor(index / target.columns) * target.cell;
      context.globalAlpha = value.alpha;
      context.fillStyle = value.fired ? colour.fired : colour.level;
      context.fillRect(x, y, target.cell - (target.cell > 4), target.cell - (target.cell > 4));
    });
    context.globalAlpha = 1;
  }

  const brightest = Math.max(...sample.image.map(Math.abs), 1e-9);
  const input = picture("Input", sample.image.length, sample.width);
  for (const layer of sample.layers) {
    const columns = layer.size <= 16 ? layer.size : Math.ceil(Math.sqrt(2 * layer.size));
    layer.picture = picture(`${layer.name}: ${layer.size} neurons`, layer.size, columns);
    const levels = layer.states ? layer.states.flat() : [];
    layer.low = levels.reduce((a, b) => Math.min(a, b), 0);
    layer.span = levels.reduce((a, b) => Math.max(a, b), 0) - layer.low || 1;
  }

  function counts(step) {
    const output = sample.layers[sample.layers.length - 1];
    const found = new Array(output.size).fill(0);
    for (let now = 0; now <= step; now++) for (const neuron of output.fired[now]) found[neuron]++;
    return found;
  }

  function show() {
    const step = Number(slider.value);
    const style = getComputedStyle(place);
    const colour = {
      level: style.getPropertyValue("--soft"),
      fired: style.getPropertyValue("--fired"),
    };
    paint(input, sample.image.map((value) => ({ alpha: Math.abs(value) / brightest })), colour);
    const words = [`Step ${step + 1} of ${sample.steps}.`];
    for (const layer of sample.layers) {
      const fired = new Set(layer.fired[step]);
      const cells = Array.from({ length: layer.size }, (_, neuron) => {
        const level = layer.states ? (layer.states[step][neuron] - layer.low) / layer.span : 0;
        return { fired: fired.has(neuron), alpha: fired.has(neuron) ? 1 : 0.08 + 0.7 * level };
      });
      paint(layer.picture, cells, colour);
      words.push(`${layer.name}: ${fired.size} of ${layer.size} fire.`);
    }
    const found = counts(step);
    const most = Math.max(...found);
    const answer = found.indexOf(most);
    const name = sample.classes ? sample.classes[answer] : `neuron ${answer}`;
    if (most) words.push(`Most spikes of the output so far: ${name}, ${most}.`);
    spoken.textContent = words.join(" ");
  }

  function stop() {
    clearInterval(timer);
    timer = 0;
    play.textContent = "Play";
  }

  function move(by) {
    slider.value = (Number(slider.value) + by + sample.steps) % sample.steps;
    show();
  }

  for (const button of place.querySelectorAll("[data-move]")) {
    button.addEventListener("click", () => {
      stop();
      move(Number(button.dataset.move));
    });
  }
  play.addEventListener("click", () => {
    if (timer) return stop();
    play.textContent = "Stop";
    timer = setInterval(() => move(1), 400);
  });
  slider.addEventListener("input", show);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", show);
  place.hidden = false;
  show();
}
