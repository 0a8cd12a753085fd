"""The output of executed notebooks."""

import json


def printed(path):
    """Return the text that the cells of an executed notebook printed."""
    cells = json.loads(path.read_text())["cells"]
    outputs = [output for cell in cells for output in cell.get("outputs", ())]
    assert all(output["output_type"] == "stream" for output in outputs), outputs
    return "".join("".join(output["text"]) for output in outputs)
