"""S-SAM in PyTorch: whole tensors, a step at a time, eager or compiled."""
import numpy as np
import torch

from work import cores

NAMES = ("torch", "torch.compile")


def load(name, work):
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.set_num_threads(cores())
    torch.manual_seed(1)
    eta, alpha, target = (torch.tensor(x.astype(np.float32), device=device)
                          for x in (work.eta, work.alpha, work.target))

    def step(w):
        p = w + eta * torch.randn_like(w)
        residual = p.prod(dim=0) - target
        rest = torch.stack([torch.cat((p[:l], p[l + 1:])).prod(dim=0)
                            for l in range(work.depth)])
        return w - 2 * alpha * residual * rest

    chosen = torch.compile(step) if name == "torch.compile" else step

    @torch.no_grad()
    def run(steps):
        w = torch.tensor(work.weights(), device=device)
        for _ in range(steps):
            w = chosen(w)
        return w.prod(dim=0).cpu().numpy()

    where = torch.cuda.get_device_name() if device == "cuda" else "cpu"
    return "torch %s (%s)" % (torch.__version__, where), run
