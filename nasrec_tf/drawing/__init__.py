"""How an architecture is drawn: ``scene.draw_svg`` draws it whole."""
