/// \file
/// The digests of the coupled models: a change of any bit shows here. `coupled_test --print-golden`
/// prints this table as the build computes it.
#pragma once

namespace sharpsweep::golden {

struct CoupledCase {
  const char* settings; ///< "key = value; ..."
  const char* f32;      ///< SHA-256, lower-case hexadecimal
  const char* f64;
};

inline constexpr CoupledCase kCoupledCases[] = {
    {"model = sam_classification; depth = range(1,16); rule = gd,linf,l2; clock = "
     "logistic,rescaled; alpha = 0.7,1.3; steps = 200",
     "f9535af9e04943b2cb766a928b7e66189467d540102949fd20b18d9bb313e0fe",
     "638052364ea8d18cb16f273cfd6e2b93f02cce883495a76475081c5e4a7e3bef"},
    {"model = sam_classification; depth = 2,3; rule = gd,linf,l2; clock = logistic,rescaled; "
     "alpha_1 = 0.4,1.2; alpha_2 = 0.6,1.5; first_factor = 0.7; last_factor = 1.4; examples = "
     "+(1,2),-(-0.5,0.25),+(2,0.125); steps = 300",
     "0c697364b102970ae28b3e443550ed7e4a5efb78acf053db6850713749647b9f",
     "0fed08792626e2bc0fd64461983dcebc4096e234906611fdc84176d9d6f96e5d"},
    {"model = sam_quadratic; arithmetic = log,plain; lambda_2 = lin(0.1,0.9,5); step_size = "
     "lin(0.2,1.8,5); steps = 300",
     "b0953b202f4d3562a540124b377cfa821d0851c22b31262ca414e336d8eca1cb",
     "cf7d3764c1f109d3baa1016f6aea8304ec6a681a190feb5d84e522030e69e960"},
    {"model = sam_quadratic; spectrum = "
     "1,0.9,0.85,0.8,0.7,0.65,0.6,0.5,0.45,0.4,0.35,0.3,0.25,0.2,0.15,0.1,0.05; arithmetic = "
     "log,plain; start = gaussian(1); seeds = 9; step_size = 0.3,0.9; steps = 250",
     "37707180517b6313126a0b21acf5f0fd9e2f1a08174fd11d0d94f014a661aa19",
     "bb0645f3b070337a17525eff1aac253d5f713886e89f2a08c3cc18052e8bc0cf"},
    {"model = sam_quadratic; spectrum = 1,0.5,0.25; start = gaussian(2); seeds = 70; steps = "
     "100",
     "0a02f174c4af355b369c43c94f0148674774f9481e5490b0727f614aeb3d55fc",
     "0180ff0eb3fe411587ec04faa4265c0f679afc4847a1f606a1c9e4b9d781ce5b"},
    {"model = sam_quadratic; landscape = valley; v_0 = 0.3,0.8; rho = 0.02,0.1; steps = 400",
     "7306f129e66a696e01567653e144d51e543dc73c623646f32b7e1e6bfc153668",
     "e871e6b5825f173af1f0e25d4733a7cee6ed5fb943f5b44ebaf410370e68b310"},
    {"model = sam_quadratic; landscape = product; y = 1,-0.5; imbalance_0 = 0.5,1.5; steps = "
     "400",
     "481d6298e9422f2b152a90435be942b0173c1411f84431c5005742bfc266061c",
     "76da88e311f890dc9c279c42614596da00e00e45f5650ef069e5216ccbc96ad0"},
    {"model = sam_quadratic; landscape = competing; arithmetic = log,plain; v_0 = 0.1,0.3; "
     "steps = 400",
     "8a70a7d71cf05ba0ab918636ffc6a4b166918758d2eb8f7b8700b90d454508b1",
     "83c170502432060209d3f763e339579ea011b5754817375b29114d078389169b"},
    {"model = label_noise; activation = cubic,quintic,tanh,sinh; batch = full,single; noise = "
     "signs,normal,none; neurons = 2,5,8; label = 0.3; seeds = 3; steps = 300",
     "85cb62d49361f5d2e3c3771633b35acc6c715a63356d8d587e2386d1f065ad88",
     "44ef49c05c84011a70a02080130546da2e933ebcb840b20051d700eaddf53134"},
    {"model = label_noise; inputs = gaussian; samples = 5; dimension = 9; data_seed = 1; form "
     "= parameters; neurons = 6; seeds = 4; noise_streams = independent; step_size = "
     "0.02,0.05; steps = 333",
     "b117fb3f98b866fb15472c252dd3530da92226a804a2607116384a1894690172",
     "bcb42fa9bac5d087887300909a291f3a10cd32ff7ccfbeb6a1c7fce82ed23e5e"},
    {"model = label_noise; inputs = gaussian; samples = 11; dimension = 20; data_seed = 3; "
     "start = random(0.5); neurons = 13; step_size = 0.01; batch = full,single; seeds = 5; "
     "steps = 150",
     "383d39324de1e995ae669a4bb32ad35c360e79579e1bd13a09a549143984d4c5",
     "af0eb4a2a2f93339694d41698131d8c45eab7158cf927f0e764a28481600d2ea"},
};

} // namespace sharpsweep::golden
