namespace rs drawing.shapes
struct Square { 1: required double side }
